//! Calls over connections of HTTP/1.1 that stay open, one at a time on each.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use mcp_benches::Era;
use mio::{Interest, Registry, Token};

use super::buffer::{Buffer, Pending};
use super::sample::{Flights, Limit, Sample, slot};
use super::wait::{PATIENCE, Wait};
use super::work::{Answer, Messages, Work};
use crate::Result;

use super::response::Response;

pub(crate) struct Http {
    messages: Messages,
    wait: Wait,
    connections: Vec<Connection>,
    /// The body of a request.
    body: Vec<u8>,
    next: u64,
}

struct Connection {
    /// All headers but the length.
    head: String,
    calls: Socket,
    /// Over which it answers what it is asked meanwhile, and whether it has.
    answers: Option<Socket>,
    has_answered: bool,
}

struct Socket {
    stream: mio::net::TcpStream,
    read: Buffer,
    response: Response,
    pending: Pending,
}

impl Http {
    /// Opens so many connections, each for a client of its own, greets the server on each and makes first calls.
    pub(crate) fn connect(url: &str, messages: Messages, width: usize) -> Result<Self> {
        let (address, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).ok_or("no URL")?;
        let address: SocketAddr = address.parse()?;
        let wait = Wait::new(1024)?;
        let mut connections = Vec::with_capacity(width);
        for number in 0..width {
            let mut stream = open(address)?;
            let head = greet(&mut stream, address, path, &messages)?;
            let asks = messages.work == Work::CreateProduct && messages.era == Era::Legacy;
            let answers =
                if asks { Some(Socket::new(open(address)?, wait.registry(), Token(2 * number + 1))?) } else { None };
            let calls = Socket::new(stream, wait.registry(), Token(2 * number))?;
            connections.push(Connection { head, calls, answers, has_answered: false });
        }
        let mut http = Self { messages, wait, connections, body: Vec::new(), next: 0 };
        http.run(Limit::Calls(width as u64))?;
        http.messages.is_strict = false;
        Ok(http)
    }

    /// Calls until the limit is reached.
    pub(crate) fn run(&mut self, limit: Limit) -> Result<Sample> {
        let mut flights = Flights::new(self.connections.len(), limit, self.next);
        for number in 0..self.connections.len() {
            self.begin(&mut flights, number, Instant::now())?;
        }
        let mut ready = Vec::new();
        while flights.is_waiting() {
            self.wait.wait(flights.due())?;
            ready.extend(self.wait.ready().map(|token| token.0));
            for token in ready.drain(..) {
                match token % 2 {
                    0 => self.read_call(&mut flights, token / 2)?,
                    _ => self.connections[token / 2].read_receipt()?,
                }
            }
            while let Some((number, now)) = flights.take_slot() {
                self.begin(&mut flights, number, now)?;
            }
        }
        let (next, sample) = flights.finish();
        self.next = next;
        Ok(sample)
    }

    fn begin(&mut self, flights: &mut Flights, number: usize, now: Instant) -> Result<()> {
        let Some(id) = flights.begin(number, now) else { return Ok(()) };
        self.body.clear();
        self.messages.write_call(id, &mut self.body);
        let connection = &mut self.connections[number];
        connection.has_answered = false;
        connection.calls.send(&connection.head, &self.body)
    }

    fn read_call(&mut self, flights: &mut Flights, number: usize) -> Result<()> {
        let Connection { head, calls, answers, has_answered } = &mut self.connections[number];
        calls.pending.flush(&mut calls.stream)?;
        let is_open = calls.read.fill(&mut calls.stream)?;
        let bytes = calls.read.bytes();
        if bytes.is_empty() {
            return if is_open { Ok(()) } else { Err("the server has closed a connection".into()) };
        }
        let whole = calls.response.read(bytes)?;
        let body = calls.response.body(bytes);
        let Some(length) = whole else {
            if let (Some(socket), false) = (answers, *has_answered)
                && memchr::memmem::find(body, b"sampling/createMessage").is_some()
                && let Answer::Asked(id) = self.messages.read(body)?
            {
                self.body.clear();
                self.messages.write_answer(id, &mut self.body);
                *has_answered = true;
                socket.send(head, &self.body)?;
            }
            return Ok(());
        };
        // The answer is in the last event.
        let result = match has_answered {
            true => &body[memchr::memmem::rfind(body, b"data:").ok_or("no event")?..],
            false => body,
        };
        match self.messages.read(result)? {
            Answer::Done(id) => {
                calls.read.consume(length);
                calls.response.clear();
                let now = Instant::now();
                flights.end(id, now)?;
                self.begin(flights, slot(id), now)
            }
            Answer::InputRequired { id, key, state } => {
                let next = flights.go_on(id)?;
                self.body.clear();
                self.messages.write_retry(next, key, state, &mut self.body);
                calls.read.consume(length);
                calls.response.clear();
                calls.send(head, &self.body)
            }
            Answer::Asked(_) | Answer::Other => {
                Err(format!("no answer in {}", String::from_utf8_lossy(&result[..result.len().min(400)])).into())
            }
        }
    }
}

impl Connection {
    /// Reads the response to an answer, which says nothing.
    fn read_receipt(&mut self) -> Result<()> {
        let Some(socket) = &mut self.answers else { return Ok(()) };
        socket.pending.flush(&mut socket.stream)?;
        socket.read.fill(&mut socket.stream)?;
        if let Some(length) = socket.response.read(socket.read.bytes())? {
            socket.read.consume(length);
            socket.response.clear();
        }
        Ok(())
    }
}

impl Socket {
    fn new(stream: TcpStream, registry: &Registry, token: Token) -> Result<Self> {
        stream.set_nonblocking(true)?;
        let mut stream = mio::net::TcpStream::from_std(stream);
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { stream, read: Buffer::default(), response: Response::default(), pending: Pending::default() })
    }

    fn send(&mut self, head: &str, body: &[u8]) -> Result<()> {
        let out = &mut self.pending.bytes;
        write!(out, "{head}content-length: {}\r\n\r\n", body.len())?;
        out.extend_from_slice(body);
        Ok(self.pending.flush(&mut self.stream)?)
    }
}

fn open(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE.min(Duration::from_secs(20))))?;
    Ok(stream)
}

/// Begins a session, if there are any; says which headers calls have.
fn greet(stream: &mut TcpStream, address: SocketAddr, path: &str, messages: &Messages) -> Result<String> {
    let mut head = format!(
        "POST /{path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\n"
    );
    match messages.hello() {
        [initialize, initialized] => {
            if let Some(session) = exchange(stream, &head, initialize)? {
                head += &format!("mcp-session-id: {session}\r\n");
            }
            head += "mcp-protocol-version: 2025-11-25\r\n";
            exchange(stream, &head, initialized)?;
        }
        _ => {
            let tool = messages.work.tool();
            head += &format!("mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: {tool}\r\n");
        }
    }
    Ok(head)
}

fn exchange(stream: &mut TcpStream, head: &str, body: &str) -> Result<Option<String>> {
    stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
    let (mut bytes, mut response) = (Vec::new(), Response::default());
    let mut part = [0; 4096];
    loop {
        let read = stream.read(&mut part)?;
        bytes.extend_from_slice(&part[..read]);
        match response.read(&bytes)? {
            Some(_) => return Ok(response.session().map(str::to_owned)),
            None if read == 0 => return Err("the server has closed a connection".into()),
            None => {}
        }
    }
}
