//! The specification as types: no I/O, no async, one neutral type per thing, shaped as the
//! newest revision has it. What older revisions spell differently is the codec's business.

mod base64;
mod capabilities;
mod completion;
mod content;
mod elicitation;
pub(crate) mod extensions;
mod input_required;
mod jsonrpc;
mod meta;
mod method;
mod notifications;
mod outlet;
mod params;
pub(crate) mod percent;
pub(crate) mod principal;
mod prompts;
mod resources;
mod roots;
mod sampling;
mod scan;
mod server_result;
#[cfg(feature = "skills")]
mod skills;
mod subscriptions;
mod tasks;
mod text;
mod tools;
mod version;

pub use capabilities::*;
pub use completion::*;
pub use content::*;
pub use elicitation::*;
pub use jsonrpc::*;
pub use meta::Meta;
pub(crate) use meta::keys;
pub use notifications::*;
pub use prompts::*;
pub use resources::*;
pub use roots::*;
pub use sampling::*;
#[cfg(feature = "skills")]
pub use skills::{GetSkillResult, ListSkillsResult, SKILLS_EXTENSION, Skill, SkillResource};
#[cfg(feature = "skills")]
pub(crate) use skills::{SKILL_FILE, SkillsResult};
pub use subscriptions::SubscriptionFilter;
pub(crate) use tasks::DetailedTask;
#[cfg(feature = "client")]
pub(crate) use tasks::ReceivedTask;
pub use tasks::{TASKS_EXTENSION, Task, TaskStatus};
pub use tools::*;
pub use version::*;

pub(crate) use base64::URL_SAFE_NO_PAD;
pub(crate) use extensions::Extensions;
pub(crate) use input_required::{InputRequest, InputRequiredResult};
#[cfg(feature = "client")]
pub(crate) use input_required::{ReceivedInputRequest, ReceivedInputRequired};
pub(crate) use method::Method;
pub(crate) use outlet::{Answered, BoxFuture, OnAnswer, Outlet};
pub(crate) use params::{Members, Params, must_be, without_position};
pub(crate) use principal::Principal;
pub(crate) use scan::{Raw, Scanner};
pub(crate) use server_result::{ListKind, Listed, ServerResult, Structured, TextResult, WriteText};
pub(crate) use subscriptions::Change;
pub(crate) use text::{Text, end_of_text, has_reserved_key, plain, plain_text, quote, text};
