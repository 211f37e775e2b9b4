//! Skills of a server, of which nothing is believed that its digests do not say.

use serde_json::{Map, Value, json};

use super::rounds::{self, Completed};
use super::{Client, cannot_be_a_task, decode};
use crate::error::{Error, ErrorKind};
use crate::protocol::{GetSkillResult, ListSkillsResult, Method, ReadResourceResult, Skill, SkillResource, percent};
use crate::skills::{self, MOST_BYTES, MOST_FILES};

impl Client {
    /// All skills that the server lists, over all pages ([specification]). There may be more: a server need not
    /// list what it can make up. None of their files is read.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] when the server answers with an error, as one does that has no skills, and those of the
    /// connection.
    ///
    /// [specification]: https://modelcontextprotocol.io/seps/2640-skills-extension#enumeration-via-skillslist
    pub async fn list_skills(&self) -> Result<Vec<Skill>, Error> {
        self.list(Method::SkillsList, |page: ListSkillsResult| (page.skills, page.next_cursor)).await
    }

    /// The skill whose `SKILL.md` has this URI, as it is now, listed or not ([specification]).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] when the server answers with an error, as for a skill that is not there;
    /// [`ErrorKind::Protocol`] when it answers with another one; and those of the connection.
    ///
    /// [specification]: https://modelcontextprotocol.io/seps/2640-skills-extension#retrieval-via-skillsget
    pub async fn get_skill(&self, uri: &str) -> Result<Skill, Error> {
        let method = Method::SkillsGet.as_str();
        let answer = self.request(method, Map::from_iter([("uri".to_owned(), json!(uri))])).await?;
        let GetSkillResult { skill } = decode(method, answer.get())?;
        if skill.uri != uri {
            return Err(Error::new(ErrorKind::Protocol, "the server answered with another skill than was asked for"));
        }
        Ok(skill)
    }

    /// The text of a skill's `SKILL.md`, for a model to follow, if it is what the skill was said to be
    /// ([specification]): by its size, its digest, and its frontmatter.
    ///
    /// Ask the user before: this is text that a server wants a model to follow. Let them see the server that it comes
    /// from, and ask again when the [`resources`](Skill::resources) of the skill have changed. That it is what was
    /// listed does not say that it means well.
    ///
    /// ```
    /// # #[cfg(feature = "skills")]
    /// # async fn load(client: mcp_runtime::Client) -> Result<(), mcp_runtime::Error> {
    /// for skill in client.list_skills().await? {
    ///     println!("{}: {}", skill.name(), skill.description());
    ///     let instructions = client.load_skill(&skill).await?;
    ///     let forms = client.read_skill_file(&skill, "references/FORMS.md").await?;
    ///     # _ = (instructions, forms);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Protocol`] when it is not what was said, or the skill's [`resources`](Skill::resources) are not
    /// known: it must not be used then. It may have changed since it was listed, so [get](Self::get_skill) the skill
    /// once more. [`ErrorKind::Refused`] when the server answers with an error, and those of the connection.
    ///
    /// [specification]: https://modelcontextprotocol.io/seps/2640-skills-extension#integrity-and-verification
    pub async fn load_skill(&self, skill: &Skill) -> Result<String, Error> {
        let wrong = |why: &str| unlike(skill, &skill.uri, why);
        let bytes = self.read_skill_file(skill, &skill.uri).await?;
        let text = String::from_utf8(bytes).map_err(|_| wrong("it is no text"))?;
        let frontmatter = skills::frontmatter(&text).map_err(|why| wrong(&why))?;
        if !is_same(&Value::Object(frontmatter), &Value::Object(skill.frontmatter.clone())) {
            return Err(wrong("its frontmatter is another one"));
        }
        let name = skill.root().rsplit('/').next().unwrap_or_default();
        if skill.root() == skill.uri || name != skill.name() || !skills::is_name(name) {
            return Err(wrong("its name is not that of its directory"));
        }
        Ok(text)
    }

    /// The bytes of a file of a skill, if they are what the skill says of it, by size and digest ([specification]).
    /// The file is named as the skill's own text does it, by its path below the [root](Skill::root) of the skill, or by
    /// its URI. What the skill does not list is not read.
    ///
    /// # Errors
    ///
    /// As for [`load_skill`](Self::load_skill).
    ///
    /// [specification]: https://modelcontextprotocol.io/seps/2640-skills-extension#integrity-and-verification
    pub async fn read_skill_file(&self, skill: &Skill, file: &str) -> Result<Vec<u8>, Error> {
        let (wanted, path) = (file, file.strip_prefix("./").unwrap_or(file));
        let wrong = |why: &str| unlike(skill, wanted, why);
        let files = skill.resources.as_ref().ok_or_else(|| wrong("the server does not say what has to be in it"))?;
        let is_it = |it: &&SkillResource| {
            let below = it.uri.strip_prefix(skill.root()).and_then(|below| below.strip_prefix('/'));
            it.uri == wanted || below.is_some_and(|below| percent::decode(below).is_some_and(|it| it == path))
        };
        let sizes = files.iter().filter_map(|file| file.size).fold(0, u64::saturating_add);
        if files.len() > MOST_FILES || sizes > MOST_BYTES {
            return Err(wrong("the skill is longer than one may be"));
        }
        let file = files.iter().find(is_it).ok_or_else(|| wrong("the skill does not list it"))?;
        if !is_inside(skill, file) {
            return Err(wrong("it is outside of the directory of the skill"));
        }
        if file.size.is_some_and(|size| size > MOST_BYTES) {
            return Err(wrong("it is longer than all of a skill may be"));
        }
        let bytes = self.read_file(file).await?.ok_or_else(|| wrong("the server answers with something else"))?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(wrong("it is longer than all of a skill may be"));
        }
        if file.size.is_some_and(|size| size != bytes.len() as u64) {
            return Err(wrong("its size is another one"));
        }
        if skills::digest(&bytes) != file.digest {
            return Err(wrong("its digest is another one"));
        }
        Ok(bytes)
    }

    /// Reads a file as it is now: what was kept of it may be older than what is said of it.
    async fn read_file(&self, file: &SkillResource) -> Result<Option<Vec<u8>>, Error> {
        let method = Method::ResourcesRead;
        let params = Map::from_iter([("uri".to_owned(), json!(file.uri))]);
        let result = match rounds::complete(self, method.as_str(), params).await? {
            Completed::Result { result, .. } => result,
            Completed::Task(..) => return Err(cannot_be_a_task(method)),
        };
        let result: ReadResourceResult = decode(method.as_str(), result.get())?;
        Ok(match &*result.contents {
            [contents] if contents.uri == file.uri => contents.bytes(),
            _ => None,
        })
    }
}

/// Whether a file is below the directory of its skill, also for those who go by its path.
fn is_inside(skill: &Skill, file: &SkillResource) -> bool {
    let below = file.uri.strip_prefix(skill.root()).and_then(|below| below.strip_prefix('/'));
    let below = below.and_then(percent::decode);
    below.is_some_and(|below| !below.split(['/', '\\']).any(|part| matches!(part, "" | "." | "..")))
}

/// Whether two values say the same: the order of members does not matter, and 2.0 is 2.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let has = |(key, value): (&String, &Value)| other.get(key).is_some_and(|it| is_same(value, it));
            one.len() == other.len() && one.iter().all(has)
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        _ => one == other,
    }
}

fn unlike(skill: &Skill, file: &str, why: &str) -> Error {
    let (name, file) = (skill.name().escape_debug(), file.escape_debug());
    Error::new(ErrorKind::Protocol, format!("the file `{file}` is not what the skill `{name}` says of it: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_the_same_however_they_are_written() {
        assert!(is_same(&json!({ "a": [2.0], "b": "x" }), &json!({ "b": "x", "a": [2] })));
        for (one, other) in [
            (json!({ "a": 1 }), json!({ "a": 1, "b": 2 })),
            (json!({ "a": 1, "b": 2 }), json!({ "a": 1 })),
            (json!({ "a": 1, "c": 2 }), json!({ "a": 1, "b": 2 })),
            (json!([1, 2]), json!([2, 1])),
            (json!("2"), json!(2)),
            (json!(null), json!("")),
        ] {
            assert!(!is_same(&one, &other), "{one} {other}");
        }
    }
}
