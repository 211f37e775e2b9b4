//! Products in an embedded SQLite database.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, Row};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A product of the catalog.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Product {
    /// 32 hexadecimal digits.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What to say about it.
    pub description: String,
}

/// All products.
#[derive(Debug)]
pub struct Catalog {
    connection: Mutex<Connection>,
}

impl Catalog {
    /// Opens the catalog in `file`, or an empty one in memory.
    pub fn open(file: Option<&Path>) -> rusqlite::Result<Self> {
        let connection = match file {
            Some(file) => Connection::open(file)?,
            None => Connection::open_in_memory()?,
        };
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS products (id TEXT PRIMARY KEY, name TEXT NOT NULL, description TEXT NOT NULL)",
        )?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Adds a product under a new id.
    pub fn insert(&self, name: String, description: String) -> rusqlite::Result<Product> {
        let product = Product { id: Uuid::new_v4().simple().to_string(), name, description };
        self.connection().execute(
            "INSERT INTO products (id, name, description) VALUES (?1, ?2, ?3)",
            (&product.id, &product.name, &product.description),
        )?;
        Ok(product)
    }

    /// The product of this id, if there is one.
    pub fn get(&self, id: &str) -> rusqlite::Result<Option<Product>> {
        let connection = self.connection();
        let mut statement = connection.prepare("SELECT id, name, description FROM products WHERE id = ?1")?;
        statement.query_row([id], product_of).optional()
    }

    /// The first `limit` products whose name or description contains `text`, in the order they came.
    pub fn find(&self, text: &str, limit: u32) -> rusqlite::Result<Vec<Product>> {
        let connection = self.connection();
        let mut statement = connection.prepare(
            "SELECT id, name, description FROM products \
             WHERE instr(name, ?1) OR instr(description, ?1) OR ?1 = '' ORDER BY rowid LIMIT ?2",
        )?;
        statement.query_map((text, limit), product_of)?.collect()
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn product_of(row: &Row<'_>) -> rusqlite::Result<Product> {
    Ok(Product { id: row.get(0)?, name: row.get(1)?, description: row.get(2)? })
}
