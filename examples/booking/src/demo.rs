//! Books a flight as a client does, in either era, and shows what the user is asked.
#![expect(clippy::print_stdout, reason = "this part of the program is no server")]

use mcp_runtime::Client;
use mcp_runtime::client::Era;
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{ElicitRequestParams, ElicitResult};

use crate::airline::Airline;

pub(crate) async fn run() -> Result<()> {
    for era in [Era::Legacy, Era::Modern] {
        let airline = Airline::default();
        let client = Client::in_memory(crate::server(airline.clone()))
            .era(era)
            .on_elicitation(|question| async move { Ok(answer(&question)) })
            .connect()
            .await?;
        println!("protocol version {}", client.protocol_version());
        let booked: String = client.call("book", [("flight", "LH123")]).await?;
        let (held, tickets) = airline.counts();
        println!("  {booked}\n  seats held: {held}, tickets: {tickets}");
    }
    Ok(())
}

/// Plays the user.
fn answer(question: &ElicitRequestParams) -> ElicitResult {
    println!("  {} → yes", question.message);
    let mut fields = question.defaults();
    if question.message.contains("What else") {
        fields.insert("bags".to_owned(), 1.into());
    }
    ElicitResult::accept(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_flight_is_booked_once_in_either_era() {
        for era in [Era::Legacy, Era::Modern] {
            let airline = Airline::default();
            let client = Client::in_memory(crate::server(airline.clone()))
                .era(era)
                .on_elicitation(|question| async move { Ok(answer(&question)) })
                .connect()
                .await
                .expect("a connection");
            let booked: String = client.call("book", [("flight", "LH123")]).await.expect("a booking");
            assert_eq!(booked, "booked: flight LH123, seat 1A, ticket LH123-1A-1");
            assert_eq!(airline.counts(), (1, 1), "{era:?}");
        }
    }

    #[tokio::test]
    async fn a_user_who_says_no_gets_nothing() {
        let airline = Airline::default();
        let client = Client::in_memory(crate::server(airline.clone()))
            .on_elicitation(|_| async { Ok(ElicitResult::decline()) })
            .connect()
            .await
            .expect("a connection");
        let answer: String = client.call("book", [("flight", "LH123")]).await.expect("an answer");
        assert_eq!((answer.as_str(), airline.counts()), ("seat 1A is free, and nothing was booked", (1, 0)));
    }
}
