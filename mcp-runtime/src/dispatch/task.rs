//! `tasks/get`, `tasks/update` and `tasks/cancel`.

use super::call::begun;
use super::{Dispatched, Dispatcher, Request};
use crate::engine::TaskAsked;
use crate::protocol::{ClientCapabilities, ErrorObject, Method};

impl Dispatcher {
    pub(super) fn task(&self, method: Method, request: &Request<'_, '_>) -> Result<Dispatched, ErrorObject> {
        // Whether the client knows tasks comes first: it must not learn from this which ones there are.
        if !(request.round)().capabilities().has_tasks() {
            return Err(ErrorObject::missing_capability(&ClientCapabilities::only_tasks()));
        }
        let missing = || ErrorObject::invalid_params("`params.taskId` is missing; it names the task");
        let params = request.params.ok_or_else(missing)?;
        let id = params.text("taskId")?.into_owned();
        let asked = TaskAsked { id, principal: request.principal(), granted: request.origin.granted() };
        let reply = || request.origin.reply();
        Ok(begun(match method {
            Method::TasksUpdate => {
                let answers = params.input_responses()?.ok_or_else(|| {
                    ErrorObject::invalid_params("`params.inputResponses` is missing; it has an answer under each key")
                })?;
                let answers = answers.iter().map(|(key, answer)| (key.to_owned(), answer.to_raw_value())).collect();
                self.tasks.update(asked, answers, reply)
            }
            Method::TasksCancel => self.tasks.cancel(asked, reply),
            _ => self.tasks.get(asked, reply),
        }))
    }
}
