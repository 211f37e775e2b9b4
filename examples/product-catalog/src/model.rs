//! Models of providers, which answer in place of a script.

use clap::{Args, ValueEnum};
use mcp_runtime::sampling::Genai;

#[derive(Args)]
pub struct ModelOptions {
    /// Who answers what is asked of a model. The key is read from the environment, as in `OPENAI_API_KEY`.
    #[arg(long, value_enum)]
    provider: Option<Provider>,

    /// Which of the provider's models.
    #[arg(long, requires = "provider")]
    model: Option<String>,

    /// Where the provider is, if it is not where everybody knows it: `http://localhost:8000/v1`.
    #[arg(long, requires = "provider")]
    base_url: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Provider {
    #[value(name = "openai")]
    OpenAi,
    Anthropic,
    Gemini,
    Ollama,
}

impl ModelOptions {
    /// The model, if one was named.
    pub fn model(self) -> Option<Genai> {
        let (prefix, model, key) = match self.provider? {
            Provider::OpenAi => ("openai", "gpt-4o-mini", "OPENAI_API_KEY"),
            Provider::Anthropic => ("anthropic", "claude-haiku-4-5", "ANTHROPIC_API_KEY"),
            Provider::Gemini => ("gemini", "gemini-2.5-flash", "GEMINI_API_KEY"),
            Provider::Ollama => ("ollama", "qwen3", ""),
        };
        let model = self.model.as_deref().unwrap_or(model);
        let genai = Genai::new().model(format!("{prefix}::{model}"));
        // To an address of the user's own, a key goes only because they named the provider.
        Some(match self.base_url {
            Some(url) if key.is_empty() => genai.base_url(url),
            Some(url) => genai.base_url(url).api_key_env(key),
            None => genai,
        })
    }
}
