//! Skills, which servers offer and clients do not just believe.

use std::fs;

use mcp_runtime::client::{Client, Era};
use mcp_runtime::prelude::*;
use mcp_runtime::protocol::{ErrorCode, ServerCapabilities};
use mcp_runtime::{ErrorKind, Resource, Skill};
use mcp_tests::checked;
use mcp_tests::raw::Peer;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

const INSTRUCTIONS: &str =
    "---\nname: refunds\ndescription: Pays money back\nmetadata: { version: 2.0 }\n---\n\nAsk.\n";

fn refunds() -> Skill {
    Skill::new(INSTRUCTIONS).file("references/RULES.md", "Rules.\n").file("logo.png", b"\xff\xd8")
}

async fn client(server: Server, era: Era) -> Client {
    checked::in_memory(server).era(era).cache_bytes(0).connect().await.expect("a connection")
}

#[tokio::test]
async fn a_skill_is_listed_loaded_and_read() {
    for era in [Era::Legacy, Era::Modern] {
        let client = client(Server::new("shop").resources(refunds()), era).await;
        let ServerCapabilities { extensions, resources, .. } = client.server_capabilities();
        assert_eq!(extensions["io.modelcontextprotocol/skills"], json!({ "directoryRead": true }));
        assert!(resources.is_some());

        let skills = client.list_skills().await.expect("skills");
        let [skill] = &skills[..] else { panic!("{skills:?}") };
        assert_eq!((skill.name(), skill.description()), ("refunds", "Pays money back"));
        assert_eq!((&*skill.uri, skill.root()), ("skill://refunds/SKILL.md", "skill://refunds"));
        assert_eq!(skill.frontmatter["metadata"]["version"], json!(2.0));
        let files: Vec<_> = skill.resources.iter().flatten().map(|it| (&*it.uri, it.size)).collect();
        let expected = [
            ("skill://refunds/SKILL.md", Some(INSTRUCTIONS.len() as u64)),
            ("skill://refunds/references/RULES.md", Some(7)),
            ("skill://refunds/logo.png", Some(2)),
        ];
        assert_eq!(files, expected);
        assert_eq!(client.get_skill(&skill.uri).await.expect("it is there"), *skill);

        assert_eq!(client.load_skill(skill).await.expect("instructions"), INSTRUCTIONS);
        for path in ["references/RULES.md", "./references/RULES.md", "skill://refunds/references/RULES.md"] {
            assert_eq!(client.read_skill_file(skill, path).await.expect("a file"), b"Rules.\n", "{path}");
        }
        assert_eq!(client.read_skill_file(skill, "logo.png").await.expect("a file"), b"\xff\xd8");

        // It is a resource like any other.
        let resources = client.list_resources().await.expect("resources");
        assert_eq!(resources[0].name, "refunds");
        assert_eq!(resources[0].mime_type.as_deref(), Some("text/markdown"));
        assert_eq!(resources[0].description.as_deref(), Some("Pays money back"));
        assert_eq!(resources[2].mime_type.as_deref(), Some("image/png"));

        let error = client.get_skill("skill://refunds/references/RULES.md").await.expect_err("it is no skill");
        assert_eq!(error.peer_error().expect("an error").code, ErrorCode::InvalidParams);
    }
}

#[tokio::test]
async fn servers_without_skills_know_nothing_of_them() {
    for era in [Era::Legacy, Era::Modern] {
        let client = client(Server::new("shop").resources(Resource::text("a://b", "c")), era).await;
        assert!(client.server_capabilities().extensions.is_empty());
        let error = client.list_skills().await.expect_err("there are none");
        assert_eq!(error.peer_error().expect("an error").code, ErrorCode::MethodNotFound);
    }
}

#[tokio::test]
async fn directories_of_a_skill_can_be_looked_into() {
    let skill = refunds().file("references/regional/EU.md", "EU.\n").below("/acme/billing/");
    let mut peer = Peer::start(Server::new("shop").resources(skill));
    let mut names = async |uri: &str| {
        let params = Map::from_iter([("uri".to_owned(), json!(uri))]);
        let answer = peer.request("resources/directory/read", params).await.map_err(|error| error["code"].clone())?;
        let text = |it: &Value| it.as_str().expect("a text").to_owned();
        let children = answer["resources"].as_array().expect("resources").iter();
        Ok::<_, Value>(children.map(|it| format!("{} {}", text(&it["uri"]), text(&it["mimeType"]))).collect::<Vec<_>>())
    };
    let root = "skill://acme/billing/refunds";
    let expected = [
        format!("{root}/SKILL.md text/markdown"),
        format!("{root}/references inode/directory"),
        format!("{root}/logo.png image/png"),
    ];
    assert_eq!(names(root).await.expect("it is one"), expected);
    let below = names(&format!("{root}/references")).await.expect("it is one");
    assert_eq!(
        below,
        [format!("{root}/references/RULES.md text/markdown"), format!("{root}/references/regional inode/directory"),]
    );
    for wrong in ["skill://acme/billing", "skill://acme/billing/refund", "skill://other"] {
        assert_eq!(names(wrong).await, Err(json!(-32602)), "{wrong}");
    }
    for wrong in ["/", "/SKILL.md", "/reference", "/references/"] {
        assert_eq!(names(&format!("{root}{wrong}")).await, Err(json!(-32602)), "{wrong}");
    }
}

#[tokio::test]
async fn skills_are_taken_from_directories() {
    let place = tempfile::tempdir().expect("a directory");
    let at = |path: &str| place.path().join(path);
    for directory in ["skills/refunds/references", "skills/refunds/.git", "skills/zip", "skills/no-skill"] {
        fs::create_dir_all(at(directory)).expect("a directory");
    }
    let zip = "---\nname: zip\ndescription: Packs things\n---\n";
    for (file, text) in [
        ("skills/refunds/SKILL.md", INSTRUCTIONS),
        ("skills/refunds/a b.txt", "a"),
        ("skills/refunds/references/RULES.md", "Rules.\n"),
        ("skills/refunds/.git/config", "secret"),
        ("skills/refunds/.env", "secret"),
        ("skills/zip/SKILL.md", zip),
        ("skills/no-skill/README.md", "none"),
        ("secret", "secret"),
    ] {
        fs::write(at(file), text).expect("a file");
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(at("secret"), at("skills/refunds/link")).expect("a link");
    let client = client(Server::new("shop").resources(Skill::all_in(at("skills"))), Era::Modern).await;
    let skills = client.list_skills().await.expect("skills");
    let [refunds, zipped] = &skills[..] else { panic!("{skills:?}") };
    let files: Vec<_> = refunds.resources.iter().flatten().map(|it| &*it.uri).collect();
    let expected = ["skill://refunds/SKILL.md", "skill://refunds/a%20b.txt", "skill://refunds/references/RULES.md"];
    assert_eq!(files, expected);
    assert_eq!(client.read_skill_file(refunds, "a b.txt").await.expect("a file"), b"a");
    assert_eq!(client.load_skill(zipped).await.expect("instructions"), zip);

    // What changes there later is not served: clients know what it was.
    fs::write(at("skills/zip/SKILL.md"), "---\nname: zip\ndescription: Deletes things\n---\n").expect("a file");
    assert_eq!(client.load_skill(zipped).await.expect("instructions"), zip);
}

#[test]
fn mistakes_show_at_the_start() {
    let of =
        |name: &str, description: &str| Skill::new(format!("---\nname: {name}\ndescription: {description}\n---\n"));
    let cases = [
        (Skill::new("# Refunds"), "it does not begin with frontmatter"),
        (Skill::new("---\na: [\n---\n"), "its frontmatter is no YAML"),
        (of("Refunds", "x"), "its name `Refunds` is not 1 to 64 of"),
        (of("refunds", ""), "it has no description"),
        (of("refunds", "x").file("SKILL.md", ""), "is there twice, or leads out of it"),
        (of("refunds", "x").file("../SKILL.md", ""), "is there twice, or leads out of it"),
        (of("refunds", "x").file("big", vec![0; (16 << 20) + 1]), "more than 512 files, or more than 16777216 bytes"),
        (Skill::directory("/nowhere/at/all"), "`/nowhere/at/all` cannot be served"),
        (Skill::directory(concat!(env!("CARGO_MANIFEST_DIR"), "/spec/AudioContent")), "it has no `SKILL.md`"),
    ];
    for (skill, told) in cases {
        let error = Server::new("shop").resources(skill).build().expect_err("it is wrong");
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(told), "{error} has not {told}");
    }
}

#[tokio::test]
async fn skills_are_seen_by_those_who_see_their_instructions() {
    let resources = mcp_runtime::Resources::from(refunds()).tag("staff");
    let server = Server::new("shop").resources(resources).visible(|item, _| !item.has_tag("staff"));
    let client = client(server, Era::Modern).await;
    assert_eq!(client.list_skills().await.expect("none"), []);
    let error = client.get_skill("skill://refunds/SKILL.md").await.expect_err("it is not for all");
    assert_eq!(error.kind(), ErrorKind::Refused);
}

#[tokio::test]
async fn skills_come_and_go_and_can_be_mounted() {
    let server = Server::new("office").mount("shop", Server::new("shop").resources(refunds()));
    let handle = server.handle();
    let client = client(server, Era::Modern).await;
    let skills = client.list_skills().await.expect("skills");
    assert_eq!(skills[0].uri, "skill://shop/refunds/SKILL.md");
    assert_eq!(client.load_skill(&skills[0]).await.expect("instructions"), INSTRUCTIONS);
    assert_eq!(client.read_skill_file(&skills[0], "references/RULES.md").await.expect("a file"), b"Rules.\n");
    handle.add_resources(Skill::new("---\nname: zip\ndescription: Packs things\n---\n")).expect("it fits");
    assert!(client.get_skill("skill://zip/SKILL.md").await.is_ok());
    handle.remove_resource("skill://zip/SKILL.md");
    // A file that is not there any more is not told of.
    assert!(handle.remove_resource("skill://shop/refunds/references/RULES.md"));
    let skill = client.get_skill("skill://shop/refunds/SKILL.md").await.expect("a skill");
    assert!(skill.resources.iter().flatten().all(|file| !file.uri.ends_with("RULES.md")));
    assert!(handle.remove_resource("skill://shop/refunds/SKILL.md"));
    assert_eq!(client.list_skills().await.expect("a list"), []);
}

#[tokio::test]
async fn a_server_that_may_have_skills_later_answers_who_asks() {
    let server = Server::new("shop");
    let handle = server.handle();
    let client = client(server, Era::Modern).await;
    assert_eq!(client.list_skills().await.expect("a list"), []);
    handle.add_resources(refunds()).expect("it fits");
    assert_eq!(client.list_skills().await.expect("a list").len(), 1);
}

#[tokio::test]
async fn of_a_skill_nobody_hears_of_files_that_are_not_for_them() {
    let server = Server::new("shop").resources(refunds()).visible(|item, _| !item.name().ends_with("RULES.md"));
    let client = client(server, Era::Modern).await;
    let skills = client.list_skills().await.expect("a list");
    let files: Vec<_> = skills[0].resources.iter().flatten().map(|file| &*file.uri).collect();
    assert_eq!(files, ["skill://refunds/SKILL.md", "skill://refunds/logo.png"]);
    assert_eq!(client.load_skill(&skills[0]).await.expect("instructions"), INSTRUCTIONS);
}

/// A server that says this of its one skill, and this when it is read.
async fn liar(skill: Value, contents: Value) -> Client {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    tokio::spawn(async move {
        let (reader, mut writer) = tokio::io::split(theirs);
        let mut lines = BufReader::new(reader).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let request: Value = serde_json::from_str(&line).expect("the client sends JSON");
            let result = match request["method"].as_str().expect("a method") {
                "server/discover" => json!({ "supportedVersions": ["2026-07-28"], "capabilities": {} }),
                "skills/get" => json!({ "skill": skill }),
                _ => json!({ "contents": contents }),
            };
            let mut answer = json!({ "jsonrpc": "2.0", "id": request["id"], "result": result });
            answer["result"]["resultType"] = json!("complete");
            writer.write_all(format!("{answer}\n").as_bytes()).await.expect("the client reads");
        }
    });
    checked::other::over(ours).era(Era::Modern).connect().await.expect("a connection")
}

#[tokio::test]
async fn what_is_not_as_it_was_said_is_not_used() {
    let uri = "skill://zip/SKILL.md";
    let text = "---\nname: zip\ndescription: Packs\n---\n";
    // Of `text`.
    let digest = "sha256:78dd";
    let honest = client(Server::new("z").resources(Skill::new(text)), Era::Modern).await;
    let good = json!(honest.get_skill(uri).await.expect("a skill"));
    let said = |change: &dyn Fn(&mut Value)| {
        let mut skill = good.clone();
        change(&mut skill);
        skill
    };
    let read = |text: &str| json!([{ "uri": uri, "text": text }]);
    let same = || read(text);
    let cases = [
        (said(&|it| it["resources"][0]["digest"] = digest.into()), same(), "its digest is another one"),
        (good.clone(), read(&text.replace("Packs", "Steal")), "its digest is another one"),
        (good.clone(), read(&format!("{text}!")), "its size is another one"),
        (said(&|it| it["resources"][0]["size"] = (17 << 20).into()), same(), "the skill is longer than one may be"),
        (
            said(&|it| it["resources"] = vec![it["resources"][0].clone(); 513].into()),
            same(),
            "the skill is longer than one may be",
        ),
        (said(&|it| it["frontmatter"]["description"] = "Unpacks".into()), same(), "its frontmatter is another one"),
        (said(&|it| it["frontmatter"]["allowed-tools"] = "Bash".into()), same(), "its frontmatter is another one"),
        (said(&|it| it["resources"] = json!([])), same(), "the skill does not list it"),
        (
            said(&|it| _ = it.as_object_mut().map(|it: &mut Map<String, Value>| it.remove("resources"))),
            same(),
            "the server does not say what has to be in it",
        ),
        (good.clone(), json!([]), "the server answers with something else"),
        (good.clone(), json!([{ "uri": "skill://zip/other", "text": text }]), "the server answers with something else"),
        (good.clone(), json!([{ "uri": uri, "blob": "!" }]), "the server answers with something else"),
    ];
    for (skill, contents, told) in cases {
        let client = liar(skill, contents).await;
        let skill = client.get_skill(uri).await.expect("a skill");
        let error = client.load_skill(&skill).await.expect_err(told);
        assert_eq!(error.to_string(), format!("the file `{uri}` is not what the skill `zip` says of it: {told}"));
        assert_eq!(error.kind(), ErrorKind::Protocol);
    }
    let client = liar(good.clone(), same()).await;
    let skill = client.get_skill(uri).await.expect("a skill");
    assert_eq!(client.load_skill(&skill).await.expect("instructions"), text);
    for path in ["other", "../zip/SKILL.md", "skill://other/SKILL.md", "file:///etc/passwd"] {
        let error = client.read_skill_file(&skill, path).await.expect_err("it is not listed");
        assert!(error.to_string().ends_with("the skill does not list it"), "{error}");
    }
    // A file that would be written somewhere else.
    for escape in ["skill://zip/../../.bashrc", "skill://zip/%2e%2e/x", "skill://zip/a%5C..%5Cx", "skill://other/x"] {
        let skill = said(&|it| it["resources"][0]["uri"] = escape.into());
        let client = liar(skill, json!([{ "uri": escape, "text": text }])).await;
        let skill = client.get_skill(uri).await.expect("a skill");
        let error = client.read_skill_file(&skill, escape).await.expect_err("it is outside");
        assert!(error.to_string().ends_with("it is outside of the directory of the skill"), "{error}");
    }
    // Without a size, too, there is an end.
    let long = "x".repeat(17 << 20);
    let skill = said(&|it| _ = it["resources"][0].as_object_mut().map(|it| it.remove("size")));
    let big = liar(skill, read(&long)).await;
    let skill = big.get_skill(uri).await.expect("a skill");
    let error = big.load_skill(&skill).await.expect_err("it is too long");
    assert!(error.to_string().ends_with("it is longer than all of a skill may be"), "{error}");
    let error = client.get_skill("skill://other/SKILL.md").await.expect_err("it is another one");
    assert_eq!(error.kind(), ErrorKind::Protocol);
}

#[tokio::test]
async fn the_name_of_a_skill_is_that_of_its_directory() {
    let honest = client(Server::new("z").resources(Skill::new("---\nname: zip\ndescription: x\n---\n")), Era::Modern);
    let mut skill = json!(honest.await.get_skill("skill://zip/SKILL.md").await.expect("a skill"));
    skill["uri"] = "skill://bank/SKILL.md".into();
    skill["resources"][0]["uri"] = "skill://bank/SKILL.md".into();
    let contents = json!([{ "uri": "skill://bank/SKILL.md", "text": "---\nname: zip\ndescription: x\n---\n" }]);
    let client = liar(skill, contents).await;
    let skill = client.get_skill("skill://bank/SKILL.md").await.expect("a skill");
    let error = client.load_skill(&skill).await.expect_err("it has two names");
    assert!(error.to_string().ends_with("its name is not that of its directory"), "{error}");
}
