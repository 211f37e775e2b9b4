//! Models by name, and which of them a question would like.

use std::fmt;

use genai::ModelIden;
use genai::adapter::AdapterKind;
use reqwest::Url;

use crate::protocol::ModelPreferences;

/// A model that [`Genai`](super::Genai) may ask: its name, where it is, and what is known of it.
///
/// The name says whose it is: those that begin with `gpt` are OpenAI's, with `claude` Anthropic's, with
/// `gemini` Google's, and so on; a name that nobody claims is one of a local Ollama. A prefix decides where
/// that is not enough: `groq::llama-3.3-70b-versatile`, `ollama::gemma3`, `open_router::openai/gpt-4o`.
///
/// ```
/// use mcp_runtime::sampling::Model;
///
/// let model = Model::new("claude-sonnet-4-5").cost(0.6).speed(0.5).intelligence(0.9);
/// ```
#[derive(Clone)]
pub struct Model {
    name: String,
    answers_to: Vec<String>,
    cost: Option<f64>,
    speed: Option<f64>,
    intelligence: Option<f64>,
    pub(super) access: Access,
}

/// Where a model is and with which key, as far as that was said.
#[derive(Clone, Default)]
pub(super) struct Access {
    pub(super) base_url: Option<String>,
    pub(super) key: Option<Key>,
}

/// A key, or where to find it. It is shown to nobody.
#[derive(Clone)]
pub(super) enum Key {
    Given(String),
    Variable(String),
}

impl From<&str> for Model {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for Model {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}

impl Model {
    /// A model of this name, of which nothing else is known.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            answers_to: Vec::new(),
            cost: None,
            speed: None,
            intelligence: None,
            access: Access::default(),
        }
    }

    /// How much it costs, from 0, nothing, to 1, the most of all.
    #[must_use]
    pub fn cost(mut self, cost: f64) -> Self {
        self.cost = Some(cost);
        self
    }

    /// How fast it is, from 0 to 1, the fastest of all.
    #[must_use]
    pub fn speed(mut self, speed: f64) -> Self {
        self.speed = Some(speed);
        self
    }

    /// How able it is, from 0 to 1, the most able of all.
    #[must_use]
    pub fn intelligence(mut self, intelligence: f64) -> Self {
        self.intelligence = Some(intelligence);
        self
    }

    /// Lets it stand for a model of another provider, so that hints at that find this one.
    ///
    /// ```
    /// use mcp_runtime::sampling::Model;
    ///
    /// let model = Model::new("gemini-2.5-pro").answers_to("claude-sonnet").answers_to("gpt-5");
    /// ```
    #[must_use]
    pub fn answers_to(mut self, name: impl Into<String>) -> Self {
        self.answers_to.push(name.into());
        self
    }

    /// Its key, instead of the one in the environment.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.access.key = Some(Key::Given(key.into()));
        self
    }

    /// The environment variable that has its key, instead of the one of its provider.
    #[must_use]
    pub fn api_key_env(mut self, variable: impl Into<String>) -> Self {
        self.access.key = Some(Key::Variable(variable.into()));
        self
    }

    /// Where it is, instead of at its provider: see [`Genai::base_url`](super::Genai::base_url).
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.access.base_url = Some(url.into());
        self
    }

    /// Its name as it was given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it is spoken to. What stands at an address of its own speaks as OpenAI does, unless a prefix
    /// says otherwise.
    pub(super) fn identity(&self, has_base_url: bool) -> ModelIden {
        let prefixed = self.name.split_once("::").and_then(|(prefix, _)| AdapterKind::from_lower_str(prefix));
        let kind = match prefixed {
            Some(kind) => kind,
            None if has_base_url => AdapterKind::OpenAI,
            // It is said of anything else that Ollama has it; there is no error.
            None => AdapterKind::from_model(&self.name).unwrap_or(AdapterKind::Ollama),
        };
        ModelIden::new(kind, self.name.as_str())
    }

    fn is_meant_by(&self, hint: &str) -> bool {
        let hint = hint.to_lowercase();
        let mut names = std::iter::once(&self.name).chain(&self.answers_to);
        !hint.is_empty() && names.any(|name| name.to_lowercase().contains(&hint))
    }

    fn is_rated(&self) -> bool {
        self.cost.is_some() || self.speed.is_some() || self.intelligence.is_some()
    }

    /// How well it is what these preferences want; what is not known of it counts as middling.
    fn score(&self, preferences: &ModelPreferences) -> f64 {
        let weigh = |priority: Option<f64>, rating: f64| within(priority.unwrap_or(0.0)) * within(rating);
        weigh(preferences.cost_priority, 1.0 - self.cost.unwrap_or(0.5))
            + weigh(preferences.speed_priority, self.speed.unwrap_or(0.5))
            + weigh(preferences.intelligence_priority, self.intelligence.unwrap_or(0.5))
    }
}

fn within(value: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) }
}

/// The model that is asked: of those that the first hint means which means any, or else of all, the one
/// that the priorities want most. Priorities choose among models that were rated; else the first one
/// counts.
pub(super) fn choose<'m>(models: &'m [Model], preferences: Option<&ModelPreferences>) -> Option<&'m Model> {
    let Some(preferences) = preferences else { return models.first() };
    let meant = |hint: &str| models.iter().filter(|model| model.is_meant_by(hint)).collect::<Vec<_>>();
    let hints = preferences.hints.iter().filter_map(|hint| hint.name.as_deref());
    let candidates = hints.map(meant).find(|meant| !meant.is_empty()).unwrap_or_else(|| models.iter().collect());
    let mut rated = candidates.iter().copied().filter(|model| model.is_rated());
    let mut best = match rated.next() {
        Some(first) if has_priorities(preferences) => first,
        _ => return candidates.first().copied(),
    };
    for model in rated {
        // Of equals the first one counts.
        if model.score(preferences) > best.score(preferences) {
            best = model;
        }
    }
    Some(best)
}

fn has_priorities(preferences: &ModelPreferences) -> bool {
    let ModelPreferences { cost_priority, speed_priority, intelligence_priority, .. } = preferences;
    [cost_priority, speed_priority, intelligence_priority].into_iter().flatten().any(|priority| *priority > 0.0)
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, answers_to, cost, speed, intelligence, access } = self;
        f.debug_struct("Model")
            .field("name", name)
            .field("answers_to", answers_to)
            .field("cost", cost)
            .field("speed", speed)
            .field("intelligence", intelligence)
            .field("access", access)
            .finish()
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("base_url", &self.base_url.as_deref().map(without_credentials))
            .field("key", &self.key)
            .finish()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Given(_) => "given",
            Self::Variable(_) => "in the environment",
        })
    }
}

/// A URL without what may be secret in it: user, password and query.
fn without_credentials(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut url) => {
            url.set_query(None);
            // It fails where there is no place for them.
            _ = url.set_username("");
            _ = url.set_password(None);
            url.into()
        }
        Err(_) => "not a URL".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ModelHint;

    fn models() -> Vec<Model> {
        vec![
            Model::new("gpt-4o").cost(0.6).speed(0.5).intelligence(0.7),
            Model::new("gpt-4o-mini").cost(0.1).speed(0.9).intelligence(0.4),
            Model::new("claude-sonnet-4-5").cost(0.7).speed(0.4).intelligence(0.95),
            Model::new("gemini-2.5-pro").answers_to("claude-opus"),
        ]
    }

    fn chosen(hints: &[&str], cost: f64, speed: f64, intelligence: f64) -> String {
        let preferences = ModelPreferences {
            hints: hints.iter().copied().map(ModelHint::new).collect(),
            cost_priority: Some(cost),
            speed_priority: Some(speed),
            intelligence_priority: Some(intelligence),
        };
        choose(&models(), Some(&preferences)).expect("a model").name().to_owned()
    }

    #[test]
    fn the_first_is_the_default() {
        assert_eq!(choose(&models(), None).map(Model::name), Some("gpt-4o"));
        assert_eq!(chosen(&[], 0.0, 0.0, 0.0), "gpt-4o");
        assert!(choose(&[], None).is_none());
    }

    #[test]
    fn the_first_hint_that_means_a_model_counts() {
        assert_eq!(chosen(&["llama", "Claude", "gpt"], 0.0, 0.0, 0.0), "claude-sonnet-4-5");
        assert_eq!(chosen(&["gpt-4o-mini"], 0.0, 0.0, 1.0), "gpt-4o-mini");
        assert_eq!(chosen(&["claude-opus-4"], 0.0, 0.0, 0.0), "gpt-4o");
        assert_eq!(chosen(&["opus"], 1.0, 0.0, 0.0), "gemini-2.5-pro");
        assert_eq!(chosen(&[""], 0.0, 0.0, 0.0), "gpt-4o");
    }

    #[test]
    fn priorities_choose_among_rated_models_that_the_hint_means() {
        assert_eq!(chosen(&["gpt"], 1.0, 0.0, 0.0), "gpt-4o-mini");
        assert_eq!(chosen(&["gpt"], 0.0, 0.0, 1.0), "gpt-4o");
        assert_eq!(chosen(&[], 0.0, 0.0, 1.0), "claude-sonnet-4-5");
        assert_eq!(chosen(&[], 0.1, 1.0, 0.2), "gpt-4o-mini");
        assert_eq!(chosen(&[], f64::NAN, f64::NAN, 7.0), "claude-sonnet-4-5");
    }

    #[test]
    fn names_say_how_a_model_is_spoken_to() {
        let kind = |name: &str, has_base_url| Model::new(name).identity(has_base_url).adapter_kind;
        assert_eq!(kind("claude-sonnet-4-5", false), AdapterKind::Anthropic);
        assert_eq!(kind("claude-sonnet-4-5", true), AdapterKind::OpenAI);
        assert_eq!(kind("anthropic::claude-sonnet-4-5", true), AdapterKind::Anthropic);
        assert_eq!(kind("gpt-5", true), AdapterKind::OpenAI);
        assert_eq!(kind("gemma3", false), AdapterKind::Ollama);
    }

    #[test]
    fn secrets_are_not_shown() {
        let model = Model::new("m").api_key("s3cret").base_url("https://user:s3cret@gateway.example/v1?key=s3cret");
        let shown = format!("{model:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(shown.contains("https://gateway.example/v1"), "{shown}");
    }
}
