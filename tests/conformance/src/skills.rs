//! Skills.

use mcp_runtime::{Resources, Skill};

const INSTRUCTIONS: &str = "\
---
name: pdf-processing
description: Extract, fill, and assemble PDF documents
license: MIT
metadata:
  version: \"2.1.0\"
---

# PDF documents

Forms are filled in as references/FORMS.md says.
";

/// All of them.
#[must_use]
pub fn all() -> Resources {
    let skill = Skill::new(INSTRUCTIONS);
    skill.file("references/FORMS.md", "# Forms\n").file("scripts/extract.py", "print('text')\n").into()
}
