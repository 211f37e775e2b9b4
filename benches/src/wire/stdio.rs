//! Calls over the standard streams of a process, many of them in flight at the same time.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Child;
use std::time::Instant;

use mio::unix::pipe::{Receiver, Sender};
use mio::{Interest, Token};

use super::buffer::{Buffer, Pending};
use super::sample::{Flights, Limit, Sample};
use super::wait::Wait;
use super::work::{Answer, Messages};
use crate::Result;

pub(crate) struct Stdio {
    messages: Messages,
    width: usize,
    wait: Wait,
    input: Sender,
    output: Receiver,
    read: Buffer,
    /// How much of it was searched for the end of a line.
    searched: usize,
    pending: Pending,
    next: u64,
}

impl Stdio {
    /// Greets the server, and makes a first call.
    pub(crate) fn connect(child: &mut Child, messages: Messages, width: usize) -> Result<Self> {
        let (Some(mut stdin), Some(mut stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the server has no standard streams".into());
        };
        let hello = messages.hello();
        if let [initialize, initialized] = hello {
            writeln!(stdin, "{initialize}")?;
            read_line(&mut stdout)?;
            writeln!(stdin, "{initialized}")?;
        }
        let (mut input, mut output) = (Sender::from(stdin), Receiver::from(stdout));
        input.set_nonblocking(true)?;
        output.set_nonblocking(true)?;
        let wait = Wait::new(8)?;
        wait.registry().register(&mut input, Token(0), Interest::WRITABLE)?;
        wait.registry().register(&mut output, Token(1), Interest::READABLE)?;
        let (read, pending) = (Buffer::default(), Pending::default());
        let mut stdio = Self { messages, width, wait, input, output, read, searched: 0, pending, next: 0 };
        stdio.run(Limit::Calls(1))?;
        stdio.messages.is_strict = false;
        Ok(stdio)
    }

    /// Calls until the limit is reached.
    pub(crate) fn run(&mut self, limit: Limit) -> Result<Sample> {
        let mut flights = Flights::new(self.width, limit, self.next);
        let now = Instant::now();
        for slot in 0..self.width {
            self.begin(&mut flights, slot, now);
        }
        self.pending.flush(&mut self.input)?;
        while flights.is_waiting() {
            self.wait.wait(flights.due())?;
            if self.wait.ready().next().is_some() {
                self.read_answers(&mut flights)?;
            }
            while let Some((slot, now)) = flights.take_slot() {
                self.begin(&mut flights, slot, now);
            }
            self.pending.flush(&mut self.input)?;
        }
        let (next, sample) = flights.finish();
        self.next = next;
        Ok(sample)
    }

    fn read_answers(&mut self, flights: &mut Flights) -> Result<()> {
        let is_open = self.read.fill(&mut self.output)?;
        let now = Instant::now();
        while let Some(length) = self.line() {
            self.take(flights, length, now)?;
        }
        if !is_open && flights.is_waiting() {
            return Err("the server has ended".into());
        }
        Ok(())
    }

    fn begin(&mut self, flights: &mut Flights, slot: usize, now: Instant) {
        if let Some(id) = flights.begin(slot, now) {
            self.messages.write_call(id, &mut self.pending.bytes);
            self.pending.bytes.push(b'\n');
        }
    }

    /// The length of the next line.
    fn line(&mut self) -> Option<usize> {
        let bytes = self.read.bytes();
        let found = memchr::memchr(b'\n', &bytes[self.searched..]);
        let length = found.map(|at| self.searched + at);
        self.searched = if length.is_some() { 0 } else { bytes.len() };
        length
    }

    fn take(&mut self, flights: &mut Flights, length: usize, now: Instant) -> Result<()> {
        let out = &mut self.pending.bytes;
        match self.messages.read(&self.read.bytes()[..length])? {
            Answer::Done(id) => {
                flights.end(id, now)?;
                self.begin(flights, super::sample::slot(id), now);
            }
            Answer::InputRequired { id, key, state } => {
                let next = flights.go_on(id)?;
                self.messages.write_retry(next, key, state, out);
                out.push(b'\n');
            }
            Answer::Asked(id) => {
                self.messages.write_answer(id, out);
                out.push(b'\n');
            }
            Answer::Other => {}
        }
        self.read.consume(length + 1);
        Ok(())
    }
}

/// Reads a line and nothing after it.
fn read_line(output: &mut impl std::io::Read) -> Result<String> {
    let mut line = String::new();
    if BufReader::with_capacity(1, output).read_line(&mut line)? == 0 {
        return Err("the server has ended".into());
    }
    Ok(line)
}
