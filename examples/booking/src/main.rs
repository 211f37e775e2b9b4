//! A server that books flights. Its one tool holds a seat, asks the user for a meal, lets them confirm,
//! and books; each of these once, however often the call has to be continued, and by whom.

mod airline;
mod demo;

use airline::Airline;
use mcp_runtime::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the user is asked for.
#[derive(Deserialize, JsonSchema)]
struct Wishes {
    /// What to eat.
    #[serde(default)]
    meal: Meal,
    /// How many bags to check in.
    #[schemars(range(max = 3))]
    bags: u8,
}

#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Meal {
    #[default]
    Vegetarian,
    Fish,
    None,
}

/// Book a seat on a flight. The user chooses a meal and confirms.
#[tool(annotations(open_world, destructive = false), task_after = "10s")]
async fn book(
    /// The number of the flight, for example LH123.
    #[arg(pattern = "^[A-Z]{2}[0-9]{1,4}$")]
    flight: String,
    ctx: Context,
    airline: State<Airline>,
) -> Result<String> {
    // A step is done once, also if this function has to start over on another server.
    let seat = ctx.step("hold", async || airline.hold(&flight).await).await?;
    let Elicited::Accept(wishes) = ctx.elicit::<Wishes>(format!("Seat {seat} is free. What else?")).await? else {
        return Ok(format!("seat {seat} is free, and nothing was booked"));
    };
    if !ctx.confirm(format!("Book {seat} with {:?} and {} bags?", wishes.meal, wishes.bags)).await? {
        return Ok("nothing was booked".to_owned());
    }
    // The airline knows the key of a booking that it has made, should it be asked once more.
    let key = ctx.idempotency_key();
    let ticket = ctx.step("book", async || airline.book(&flight, &seat, &key).await).await?;
    Ok(format!("booked: flight {flight}, seat {seat}, ticket {ticket}"))
}

fn server(airline: Airline) -> Server {
    Server::new("booking").version(env!("CARGO_PKG_VERSION")).state(airline).tools(tools![book])
}

#[tokio::main]
async fn main() -> Result<()> {
    if std::env::args().nth(1).as_deref() == Some("demo") {
        return demo::run().await;
    }
    server(Airline::default()).run().await
}
