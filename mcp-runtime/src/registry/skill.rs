use std::fmt;
use std::path::Path;

use serde_json::{Map, Value};

use super::file;
use super::{Resource, Resources};
use crate::protocol::{self, SKILL_FILE, SkillResource, percent};
use crate::skills::{MOST_BYTES, MOST_FILES, digest, frontmatter, is_name};

/// A skill for clients that know them ([specification]): instructions for a model, in a `SKILL.md` that begins with
/// frontmatter, and files that go with them. It is a resource, and its files are: `skill://name/SKILL.md` and so on.
///
/// ```
/// use mcp_runtime::prelude::*;
/// use mcp_runtime::Skill;
///
/// let refunds = Skill::new(
///     "---\nname: refunds\ndescription: Pays money back, by the rules of the house\n---\n\nAsk for the order first.\n",
/// );
/// let server = Server::new("shop").resources(refunds.file("references/RULES.md", "Never more than was paid.\n"));
/// ```
///
/// It is taken as it is when it is made: what clients are told of its files, by size and digest, has to hold for as long
/// as they have it. A skill has up to 512 files, of 16 MiB together. What is wrong with it is an error when the server
/// starts.
///
/// [specification]: https://modelcontextprotocol.io/seps/2640-skills-extension
pub struct Skill {
    /// `SKILL.md` is the first.
    files: Vec<(String, Vec<u8>)>,
    /// What stands before its name in its URIs.
    above: String,
    problem: Option<String>,
}

impl Skill {
    /// A skill of this `SKILL.md`, alone.
    pub fn new(instructions: impl Into<String>) -> Self {
        let files = vec![(SKILL_FILE.to_owned(), instructions.into().into_bytes())];
        Self { files, above: String::new(), problem: None }
    }

    /// The skill in this directory, with all files there and below. Links, and what has a name that begins with a dot,
    /// are left out.
    ///
    /// ```no_run
    /// use mcp_runtime::prelude::*;
    /// use mcp_runtime::Skill;
    ///
    /// let server = Server::new("shop").resources(Skill::directory("skills/refunds"));
    /// ```
    pub fn directory(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let mut skill = Self { files: Vec::new(), above: String::new(), problem: None };
        match files_of(path) {
            Ok(files) => skill.files = files,
            Err(error) => skill.problem = Some(format!("`{}` cannot be served: {error}", path.display())),
        }
        // The one that the others belong to comes first.
        skill.files.sort_by_key(|(name, _)| name != SKILL_FILE);
        skill
    }

    /// The skills in the directories of this one.
    ///
    /// ```no_run
    /// use mcp_runtime::prelude::*;
    /// use mcp_runtime::Skill;
    ///
    /// let server = Server::new("shop").resources(Skill::all_in("skills"));
    /// ```
    pub fn all_in(path: impl AsRef<Path>) -> Resources {
        let path = path.as_ref();
        let directories = std::fs::read_dir(path).and_then(|entries| {
            let mut directories = Vec::new();
            for entry in entries {
                let path = entry?.path();
                if path.join(SKILL_FILE).is_file() {
                    directories.push(path);
                }
            }
            directories.sort();
            Ok(directories)
        });
        match directories {
            Ok(directories) => {
                directories.into_iter().fold(Resources::default(), |all, directory| all.and(Self::directory(directory)))
            }
            Err(error) => {
                let problem = Some(format!("the skills in `{}` cannot be served: {error}", path.display()));
                Self { files: Vec::new(), above: String::new(), problem }.into()
            }
        }
    }

    /// Adds a file, by its path below the directory of the skill.
    #[must_use]
    pub fn file(mut self, path: impl Into<String>, contents: impl Into<Vec<u8>>) -> Self {
        self.files.push((path.into(), contents.into()));
        self
    }

    /// Puts it below a path: `acme/billing` makes `skill://acme/billing/refunds/SKILL.md` of
    /// `skill://refunds/SKILL.md`.
    #[must_use]
    pub fn below(mut self, path: impl AsRef<str>) -> Self {
        self.above = format!("{}/", path.as_ref().trim_matches('/'));
        self
    }

    /// What it is, or what is wrong with it.
    fn described(&self) -> Result<protocol::Skill, String> {
        if let Some(problem) = &self.problem {
            return Err(problem.clone());
        }
        let (first, instructions) = self.files.first().ok_or("it has no files")?;
        if first != SKILL_FILE {
            return Err(format!("it has no `{SKILL_FILE}`"));
        }
        let instructions = std::str::from_utf8(instructions).map_err(|_| format!("`{SKILL_FILE}` is no text"))?;
        let frontmatter = frontmatter(instructions).map_err(|problem| format!("of `{SKILL_FILE}`, {problem}"))?;
        let text = |field: &str| frontmatter.get(field).and_then(Value::as_str).unwrap_or_default();
        let name = text("name");
        if !is_name(name) {
            return Err(format!(
                "its name `{}` is not 1 to 64 of `a` to `z`, `0` to `9` and single `-`",
                name.escape_debug()
            ));
        }
        if text("description").trim().is_empty() {
            return Err("it has no description".to_owned());
        }
        let bytes: u64 = self.files.iter().map(|(_, contents)| contents.len() as u64).sum();
        if self.files.len() > MOST_FILES || bytes > MOST_BYTES {
            return Err(format!("it has more than {MOST_FILES} files, or more than {MOST_BYTES} bytes"));
        }
        let root = format!("skill://{}{name}", percent::encode(&self.above, "/"));
        let mut resources = Vec::new();
        for (path, contents) in &self.files {
            let is_plain = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
            let uri = format!("{root}/{}", percent::encode(path, "/"));
            if !is_plain || resources.iter().any(|it: &SkillResource| it.uri == uri) {
                return Err(format!("its file `{}` is there twice, or leads out of it", path.escape_debug()));
            }
            resources.push(SkillResource { uri, digest: digest(contents), size: Some(contents.len() as u64) });
        }
        Ok(protocol::Skill { uri: format!("{root}/{SKILL_FILE}"), frontmatter, resources: Some(resources) })
    }
}

impl From<Skill> for Resources {
    fn from(skill: Skill) -> Self {
        let described = match skill.described() {
            Ok(described) => described,
            Err(problem) => {
                let mut resource = Resource::text("skill://unknown/SKILL.md", "");
                resource.details.problems.push(problem);
                return resource.name("of a skill").into();
            }
        };
        let places = described.resources.iter().flatten();
        let mut all: Vec<Resource> = skill
            .files
            .into_iter()
            .zip(places)
            .map(|((path, contents), place)| resource(&path, contents, place))
            .collect();
        if let Some(first) = all.first_mut() {
            first.link.mime_type = Some("text/markdown".to_owned());
            first.link.name = described.name().to_owned();
            first.link.description = Some(described.description().to_owned());
            first.details.skill = Some(described);
        }
        all.into_iter().collect()
    }
}

/// A file of a skill: as text if it is UTF-8, and as bytes if not.
fn resource(path: &str, contents: Vec<u8>, place: &SkillResource) -> Resource {
    let mime_type = file::mime_type(Path::new(path));
    let resource = match String::from_utf8(contents) {
        Ok(text) => Resource::text(&place.uri, text),
        Err(error) => Resource::bytes(&place.uri, error.as_bytes()),
    };
    match mime_type {
        Some(mime_type) => resource.mime_type(mime_type),
        None => resource,
    }
}

/// All files below a directory, by their paths.
fn files_of(root: &Path) -> Result<Vec<(String, Vec<u8>)>, String> {
    let (mut files, mut bytes) = (Vec::new(), 0);
    let mut directories = vec![(root.to_owned(), String::new())];
    while let Some((directory, above)) = directories.pop() {
        let entries = std::fs::read_dir(&directory).map_err(|error| error.to_string())?;
        let mut entries = entries.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            let name = name.to_str().ok_or("the name of a file is no text")?;
            let kind = entry.file_type().map_err(|error| error.to_string())?;
            if name.starts_with('.') {
                continue;
            }
            if kind.is_dir() {
                directories.push((entry.path(), format!("{above}{name}/")));
            } else if kind.is_file() {
                let length = entry.metadata().map_err(|error| error.to_string())?.len();
                bytes += length;
                if bytes > MOST_BYTES || files.len() >= MOST_FILES {
                    return Err(format!("it has more than {MOST_FILES} files, or more than {MOST_BYTES} bytes"));
                }
                let contents = std::fs::read(entry.path()).map_err(|error| error.to_string())?;
                files.push((format!("{above}{name}"), contents));
            }
        }
    }
    Ok(files)
}

impl fmt::Debug for Skill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files: Map<String, Value> =
            self.files.iter().map(|(path, contents)| (path.clone(), contents.len().into())).collect();
        f.debug_struct("Skill").field("files", &files).field("above", &self.above).finish_non_exhaustive()
    }
}
