//! What makes rounds safe, in the plainest way and without its sealing, for [the bare loop](crate::bare_rounds): a state
//! belongs to its arguments, however they are written, and has what another process would need to go on; a ticket is
//! used once, and its answers and outcome are kept. Nobody asks for them again here, so that this is less than a server
//! has to do.

use std::collections::HashMap;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use siphasher::sip128::SipHasher24;

#[derive(Deserialize)]
struct Request {
    params: Params,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    arguments: Value,
    #[serde(default)]
    input_responses: Value,
}

/// What came of tickets: with which answers each was used, and the outcome.
#[derive(Default)]
pub(crate) struct Guards {
    used: HashMap<u64, (u128, Vec<u8>)>,
}

impl Guards {
    /// The state of a call that asks: which it is, what its arguments are, and what it asks.
    pub(crate) fn state(&self, line: &[u8], call: u64, question: &impl Serialize) -> io::Result<String> {
        let Request { params } = serde_json::from_slice(line)?;
        let question = serde_json::to_value(question)?;
        let mut state = Vec::with_capacity(256);
        state.extend_from_slice(&call.to_le_bytes());
        state.extend_from_slice(&digest(&params.arguments)?.to_le_bytes());
        state.extend_from_slice(&digest(&question)?.to_le_bytes());
        serde_json::to_writer(&mut state, &question)?;
        Ok(URL_SAFE_NO_PAD.encode(state))
    }

    /// The call that a request goes on with, unless its ticket was used.
    pub(crate) fn claim(&mut self, line: &[u8], state: &str) -> io::Result<u64> {
        let Request { params } = serde_json::from_slice(line)?;
        let state = URL_SAFE_NO_PAD.decode(state).map_err(io::Error::other)?;
        let (call, rest) = state.split_first_chunk().ok_or(io::ErrorKind::InvalidData)?;
        let (arguments, _) = rest.split_first_chunk().ok_or(io::ErrorKind::InvalidData)?;
        let (call, answers) = (u64::from_le_bytes(*call), digest(&params.input_responses)?);
        if u128::from_le_bytes(*arguments) != digest(&params.arguments)? || self.used.contains_key(&call) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.used.insert(call, (answers, Vec::new()));
        Ok(call)
    }

    /// Keeps what came of a call; as many as one that lost its answer may ask for again.
    pub(crate) fn keep(&mut self, call: u64, outcome: &[u8]) {
        if let Some((_, kept)) = self.used.get_mut(&call) {
            outcome.clone_into(kept);
        }
        self.used.remove(&call.saturating_sub(10_000));
    }
}

fn digest(value: &Value) -> io::Result<u128> {
    let mut out = Vec::with_capacity(256);
    canonical(value, &mut out)?;
    Ok(SipHasher24::new().hash(&out).as_u128())
}

/// With names in order.
fn canonical(value: &Value, out: &mut Vec<u8>) -> io::Result<()> {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            out.push(b'{');
            for (name, value) in members {
                serde_json::to_writer(&mut *out, name)?;
                canonical(value, out)?;
            }
            out.push(b'}');
        }
        Value::Array(items) => {
            out.push(b'[');
            items.iter().try_for_each(|item| canonical(item, out))?;
            out.push(b']');
        }
        other => serde_json::to_writer(out, other)?,
    }
    Ok(())
}
