//! Names of tools: providers take fewer characters than the protocol does.

use std::collections::HashMap;

/// The longest name that every provider takes.
const LONGEST: usize = 64;

/// How the tools of one question are called at the provider.
#[derive(Debug, Default)]
pub(super) struct Names {
    written: HashMap<String, String>,
    read: HashMap<String, String>,
}

impl Names {
    /// The name for the provider.
    pub(super) fn written(&mut self, name: &str) -> String {
        if let Some(written) = self.written.get(name) {
            return written.clone();
        }
        let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' };
        let plain: String = name.chars().map(allowed).take(LONGEST).collect();
        let mut written = plain.clone();
        let mut number = 1;
        while written.is_empty() || self.read.contains_key(&written) {
            number += 1;
            let end = format!("_{number}");
            written = plain.chars().take(LONGEST - end.len()).collect::<String>() + &end;
        }
        self.written.insert(name.to_owned(), written.clone());
        self.read.insert(written.clone(), name.to_owned());
        written
    }

    /// The name that the provider means. One that it was not given stays as it is.
    pub(super) fn read(&self, written: String) -> String {
        self.read.get(&written).cloned().unwrap_or(written)
    }
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn names_come_back_as_they_were() {
        let long = "x".repeat(100);
        let given = ["add", "files/read", "files.read", "files_read", "grüße", "", &long, &format!("{long}y")];
        let mut names = Names::default();
        let written: Vec<String> = given.iter().map(|name| names.written(name)).collect();
        assert_eq!(&written[..4], ["add", "files_read", "files_read_2", "files_read_3"]);
        for (name, written) in given.iter().zip(&written) {
            assert!(!written.is_empty() && written.len() <= 64 && written.is_ascii(), "{written}");
            assert_eq!(names.read(written.clone()), *name);
            assert_eq!(names.written(name), *written);
        }
        assert_eq!(names.read("unknown".to_owned()), "unknown");
    }
}
