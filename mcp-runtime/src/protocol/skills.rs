use std::sync::Arc;

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use super::{CacheScope, Resource};

/// The name of the extension by which servers offer skills ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/seps/2640-skills-extension
pub const SKILLS_EXTENSION: &str = "io.modelcontextprotocol/skills";

/// The file that every skill has, at its root.
pub(crate) const SKILL_FILE: &str = "SKILL.md";

/// A skill, as its server describes it ([specification]): a directory of files, with instructions for a model in its
/// `SKILL.md`.
///
/// [specification]: https://modelcontextprotocol.io/seps/2640-skills-extension#enumeration-via-skillslist
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Skill {
    /// Where its `SKILL.md` is. This is what a skill is known by; several may have one name.
    pub uri: String,
    /// The frontmatter of its `SKILL.md`, with `name` and `description`.
    pub frontmatter: Map<String, Value>,
    /// All its files, each once, `SKILL.md` included; `None` if they are made up as they are read, so that nothing
    /// can be said of them before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Vec<SkillResource>>,
}

impl Skill {
    /// Its name, for people and models.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text("name")
    }

    /// What it is for.
    #[must_use]
    pub fn description(&self) -> &str {
        self.text("description")
    }

    /// Its directory: the URI without `/SKILL.md`.
    #[must_use]
    pub fn root(&self) -> &str {
        self.uri.strip_suffix(SKILL_FILE).and_then(|root| root.strip_suffix('/')).unwrap_or(&self.uri)
    }

    fn text(&self, field: &str) -> &str {
        self.frontmatter.get(field).and_then(Value::as_str).unwrap_or_default()
    }
}

/// A file of a [`Skill`], and what its bytes have to be ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/seps/2640-skills-extension#resources
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SkillResource {
    /// Where it is.
    pub uri: String,
    /// The SHA-256 hash of its bytes, as `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// How many bytes it has. Servers of earlier drafts do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// The answer to `skills/list` ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/seps/2640-skills-extension#enumeration-via-skillslist
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ListSkillsResult {
    /// The skills of this page.
    pub skills: Vec<Skill>,
    /// Where the next page begins, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// For how long, in milliseconds, the answer may be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<u64>,
    /// Who may keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_scope: Option<CacheScope>,
}

/// The answer to `skills/get` ([specification]).
///
/// [specification]: https://modelcontextprotocol.io/seps/2640-skills-extension#retrieval-via-skillsget
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GetSkillResult {
    /// The skill.
    pub skill: Skill,
}

/// What a server says of its skills, all of it at once.
#[derive(Debug, Clone)]
pub(crate) enum SkillsResult {
    List(Vec<Arc<Skill>>),
    Get(Arc<Skill>),
    /// What stands in a directory of one.
    Directory(Vec<Resource>),
}

impl Serialize for SkillsResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Self::List(skills) => {
                let skills: Vec<&Skill> = skills.iter().map(|skill| &**skill).collect();
                map.serialize_entry("skills", &skills)?;
            }
            Self::Get(skill) => map.serialize_entry("skill", &**skill)?,
            Self::Directory(resources) => map.serialize_entry("resources", resources)?,
        }
        map.end()
    }
}
