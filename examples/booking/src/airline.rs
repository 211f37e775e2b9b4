//! The world outside: an airline that cannot be asked to forget.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use mcp_runtime::prelude::*;

/// An airline. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Airline(Arc<Mutex<Books>>);

#[derive(Debug, Default)]
struct Books {
    held: u32,
    /// Tickets, by the key of their booking.
    tickets: HashMap<String, String>,
}

impl Airline {
    /// Holds the next free seat.
    pub(crate) async fn hold(&self, _flight: &str) -> Result<String> {
        let mut books = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        books.held += 1;
        Ok(format!("{}A", books.held))
    }

    /// Books a seat; the same key gets the same ticket.
    pub(crate) async fn book(&self, flight: &str, seat: &str, key: &str) -> Result<String> {
        let mut books = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = format!("{flight}-{seat}-{}", books.tickets.len() + 1);
        Ok(books.tickets.entry(key.to_owned()).or_insert(next).clone())
    }

    /// How many seats are held and booked.
    pub(crate) fn counts(&self) -> (u32, usize) {
        let books = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (books.held, books.tickets.len())
    }
}
