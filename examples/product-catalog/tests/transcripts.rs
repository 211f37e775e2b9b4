//! What the documentation says of HTTP is what happens.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

/// The commands of a document, each with the lines that it must print, in their order.
fn commands(document: &str) -> Vec<(&str, Vec<&str>)> {
    let mut commands: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut is_inside = false;
    for line in document.lines() {
        match line {
            "```console" => is_inside = true,
            "```" => is_inside = false,
            _ if !is_inside => {}
            _ => match (line.strip_prefix("$ "), commands.last_mut()) {
                (Some(command), _) => commands.push((command, Vec::new())),
                (None, Some((_, printed))) => printed.push(line),
                (None, None) => panic!("`{line}` is printed by nothing"),
            },
        }
    }
    commands
}

/// Whether a line is as it should be, where `…` is anything.
fn is_like(line: &str, expected: &str) -> bool {
    let mut rest = line;
    for (place, part) in expected.split('…').enumerate() {
        match rest.find(part) {
            Some(at) if at == 0 || place > 0 => rest = &rest[at + part.len()..],
            _ => return false,
        }
    }
    rest.is_empty() || expected.ends_with('…') || expected.ends_with('}')
}

#[test]
fn the_documented_requests_are_answered_as_documented() {
    let mut server = Command::new(env!("CARGO_BIN_EXE_product-catalog"))
        .args(["--http", "127.0.0.1:0"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut said = String::new();
    BufReader::new(server.stderr.take().expect("standard error")).read_line(&mut said).expect("a line");
    let address = said.trim().strip_prefix("serving at http://").and_then(|it| it.strip_suffix("/mcp"));
    let address = address.expect("an address");
    let directory = tempfile::tempdir().expect("a directory");

    let document = include_str!("../../../mcp-runtime/src/docs/http.md");
    let commands = commands(document);
    assert!(commands.len() > 20, "the document has its commands");
    let mut shell = Command::new("bash")
        .current_dir(directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("bash");
    let mut input = shell.stdin.take().expect("standard input");
    let mut output = BufReader::new(shell.stdout.take().expect("standard output")).lines();
    for (command, expected) in commands {
        let command = command.replace("127.0.0.1:8000", address);
        writeln!(input, "{command}\necho; echo END").expect("bash listens");
        let printed: Vec<String> =
            output.by_ref().map(|line| line.expect("text")).take_while(|line| line != "END").collect();
        let mut lines = printed.iter();
        for expected in expected {
            let found = lines.any(|line| is_like(line.trim_end(), expected));
            assert!(found, "`{command}` does not print\n{expected}\nbut\n{}", printed.join("\n"));
        }
    }
    drop(input);
    shell.wait().expect("bash ends");
    server.kill().expect("it runs");
    server.wait().expect("it ends");
}
