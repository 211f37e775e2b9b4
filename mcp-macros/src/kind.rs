//! What a function becomes: a tool, a prompt or a resource, and what each is called.

use proc_macro2::{Ident, Span};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Tool,
    Prompt,
    Resource,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Tool, Self::Prompt, Self::Resource];

    /// As sentences and attributes call it.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::Resource => "resource",
        }
    }

    /// The kind of an attribute's name.
    pub(crate) fn from_noun(noun: &Ident) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| noun == kind.noun())
    }

    /// How its attribute is written.
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::Tool => "#[tool]",
            Self::Prompt => "#[prompt]",
            Self::Resource => "#[resource]",
        }
    }

    /// How its attribute stands above a function.
    pub(crate) fn shape(self) -> &'static str {
        match self {
            Self::Tool => "`#[tool] fn name(..) -> .. { .. }`",
            Self::Prompt => "`#[prompt] fn name(..) -> .. { .. }`",
            Self::Resource => "`#[resource(\"..\")] fn name(..) -> .. { .. }`",
        }
    }

    /// Why its types must be known.
    pub(crate) fn described_by(self) -> &'static str {
        match self {
            Self::Tool => "its schema is",
            Self::Prompt | Self::Resource => "its parameters are",
        }
    }

    /// The names that the runtime has for it.
    pub(crate) fn names(self) -> Names {
        let [list, function, spec, unfinished, result, convert] = match self {
            Self::Tool => ["Tools", "Tool", "ToolSpec", "UNFINISHED", "IntoToolResult", "into_tool_result"],
            Self::Prompt => {
                ["Prompts", "PromptFn", "PromptSpec", "UNFINISHED_PROMPT", "IntoPromptResult", "into_prompt_result"]
            }
            Self::Resource => [
                "Resources",
                "ResourceFn",
                "ResourceSpec",
                "UNFINISHED_RESOURCE",
                "IntoResourceResult",
                "into_resource_result",
            ],
        }
        .map(|name| Ident::new(name, Span::mixed_site()));
        Names { list, function, spec, unfinished, result, convert }
    }
}

/// What the runtime calls what belongs to a kind.
pub(crate) struct Names {
    /// The type of its lists.
    pub(crate) list: Ident,
    /// The trait of functions that are of this kind.
    pub(crate) function: Ident,
    pub(crate) spec: Ident,
    /// The spec that stands in for one that does not compile.
    pub(crate) unfinished: Ident,
    /// The trait of what its functions return.
    pub(crate) result: Ident,
    /// The method of that trait.
    pub(crate) convert: Ident,
}
