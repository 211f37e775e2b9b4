//! The question to the user, and what comes back of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_runtime::ErrorKind;
use mcp_runtime::client::oauth::{AuthorizationRequest, Callback};
use mcp_tests_oauth::{LOGIN, Reply, World};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use url::Url;

use super::{agreeable, assert_distrusted, plain, token};

/// A browser that goes to this address, and what it is shown.
async fn browse(url: &str) -> String {
    let url: Url = url.parse().unwrap();
    let host = (url.host_str().unwrap().to_owned(), url.port().unwrap());
    let mut stream = TcpStream::connect(host).await.unwrap();
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    stream.write_all(format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    page
}

/// What a browser that is not sent back as it should be, is sent back with instead.
async fn back_with(change: impl Fn(&mut Vec<(String, String)>) + Send + Sync + 'static) -> (World, mcp_runtime::Error) {
    let world = World::start().await;
    let error = back_in(&world, change).await;
    (world, error)
}

async fn back_in(
    world: &World,
    change: impl Fn(&mut Vec<(String, String)>) + Send + Sync + 'static,
) -> mcp_runtime::Error {
    let login = world.login.clone();
    let oauth = plain().on_authorize(move |page| {
        let mut back: Url = login.visit(page.url()).parse().unwrap();
        let mut pairs: Vec<_> = back.query_pairs().into_owned().collect();
        change(&mut pairs);
        back.query_pairs_mut().clear().extend_pairs(pairs);
        async move { Ok(String::from(back)) }
    });
    token(&oauth.build().unwrap(), world).await.unwrap_err()
}

fn set(pairs: &mut Vec<(String, String)>, name: &str, value: &str) {
    pairs.retain(|(key, _)| key != name);
    pairs.push((name.to_owned(), value.to_owned()));
}

#[tokio::test]
async fn the_browser_comes_back_to_a_port_of_this_machine() {
    let world = World::start().await;
    let (login, (pages, mut shown)) = (world.login.clone(), mpsc::unbounded_channel());
    let oauth = plain().on_authorize(move |page: AuthorizationRequest| {
        let (login, pages) = (login.clone(), pages.clone());
        async move {
            let back = login.visit(page.url());
            tokio::spawn(async move {
                // Others come first.
                let stranger = back.replace("state=", "state=x");
                for wrong in [page.redirect_uri(), &stranger, &back.replace("/callback", "/favicon.ico")] {
                    pages.send(browse(wrong).await).unwrap();
                }
                pages.send(browse(&back).await).unwrap();
            });
            Ok(())
        }
    });
    assert_eq!(token(&oauth.build().unwrap(), &world).await.unwrap(), "access-3");
    for _ in 0..3 {
        let page = shown.recv().await.unwrap();
        assert!(page.starts_with("HTTP/1.1 404 "), "{page}");
    }
    let page = shown.recv().await.unwrap();
    assert!(page.starts_with("HTTP/1.1 200 ") && page.contains("You can close this page"), "{page}");
    assert!(page.contains("default-src 'none'") && !page.contains("code-"), "{page}");
}

#[tokio::test]
async fn who_says_nothing_keeps_nobody_waiting() {
    let world = World::start().await;
    let login = world.login.clone();
    let oauth = plain().on_authorize(move |page| {
        let login = login.clone();
        async move {
            let back = login.visit(page.url());
            let url: Url = page.redirect_uri().parse().unwrap();
            let mut silent = Vec::new();
            for _ in 0..4 {
                silent.push(TcpStream::connect(("127.0.0.1", url.port().unwrap())).await?);
            }
            browse(&back).await;
            drop(silent);
            // Some wait until the browser is closed.
            std::future::pending::<()>().await;
            Ok(())
        }
    });
    token(&oauth.build().unwrap(), &world).await.unwrap();
}

#[tokio::test]
async fn a_registered_port_is_used_again() {
    let world = World::start().await;
    let oauth = agreeable(&world).build().unwrap();
    let first = token(&oauth, &world).await.unwrap();
    let challenge = super::insufficient(&first, "more");
    oauth.token(&world.server(), Some(&challenge)).await.unwrap().unwrap();
    let visits: Vec<_> = world.login.asked().into_iter().filter(|it| it.what == "GET /authorize").collect();
    assert_eq!(visits[0].query["redirect_uri"], visits[1].query["redirect_uri"]);
    assert_eq!(world.login.count("POST /register"), 1);

    // Unless somebody else has it.
    let port = visits[0].query["redirect_uri"].parse::<Url>().unwrap().port().unwrap();
    let _taken = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let second = oauth.token(&world.server(), None).await.unwrap().unwrap();
    let challenge = super::insufficient(second.secret(), "still-more");
    oauth.token(&world.server(), Some(&challenge)).await.unwrap().unwrap();
    let visit = world.login.last("GET /authorize");
    assert_ne!(visit.query["redirect_uri"], visits[0].query["redirect_uri"]);
    assert_eq!(world.login.last("POST /register").json["redirect_uris"][0], visit.query["redirect_uri"]);
}

#[tokio::test]
async fn a_redirect_uri_is_sent_as_it_is_written() {
    let world = World::start().await;
    // Somebody else has the port, which does not matter to a client that sees the browser come back itself.
    let taken = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let uri = format!("http://LocalHost:{}", taken.local_addr().unwrap().port());
    token(&agreeable(&world).redirect_uri(&uri).build().unwrap(), &world).await.unwrap();
    assert_eq!(world.login.last("GET /authorize").query["redirect_uri"], uri);

    let waiting = plain().redirect_uri(&uri).on_authorize(|_| async { Ok(()) }).build().unwrap();
    let error = token(&waiting, &world).await.unwrap_err();
    assert_eq!(error.to_string(), "the client cannot wait for the browser to come back");
    assert_eq!(error.kind(), ErrorKind::Io);
}

#[tokio::test]
async fn nobody_waits_at_another_machine() {
    let world = World::start().await;
    let oauth = plain().redirect_uri("https://app.example/callback").on_authorize(|_| async { Ok(Callback::Wait) });
    let error = token(&oauth.build().unwrap(), &world).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.starts_with("nothing waits at this redirect URI"), "{source}");
}

#[tokio::test]
async fn what_does_not_answer_this_request_is_refused() {
    let told = "what came back is not the answer to this authorization: its `state` is another one";
    let (world, error) = back_with(|pairs| set(pairs, "state", "another")).await;
    assert_distrusted(&world, &error, told);
    let (world, error) = back_with(|pairs| pairs.retain(|(name, _)| name != "state")).await;
    assert_distrusted(&world, &error, told);
    let (world, error) = back_with(|pairs| pairs.push(pairs[0].clone())).await;
    assert_distrusted(&world, &error, "what came back from the authorization has more than one `code`");
    let (world, error) = back_with(|pairs| pairs.retain(|(name, _)| name != "code")).await;
    assert_distrusted(&world, &error, "what came back from the authorization has no code");
}

#[tokio::test]
async fn the_answer_is_held_against_who_should_have_given_it() {
    let other =
        "what came back from the authorization is from another authorization server: its `iss` is not the issuer";
    let missing = "what came back from the authorization does not say from whom: `iss` is missing";
    for announced in [json!(true), json!(false), Value::Null] {
        for wrong in [None, Some("https://evil.example"), Some("a slash"), Some("an error")] {
            let world = World::start().await;
            let (announced, url) = (announced.clone(), world.login.url.clone());
            let needed = announced == json!(true);
            world.login.change(LOGIN, move |it| {
                it["authorization_response_iss_parameter_supported"] = announced.clone();
            });
            let login = world.login.clone();
            let oauth = plain().on_authorize(move |page| {
                let mut back: Url = login.visit(page.url()).parse().unwrap();
                let mut pairs: Vec<_> = back.query_pairs().into_owned().collect();
                pairs.retain(|(name, _)| name != "iss");
                match wrong {
                    None => {}
                    // Plain text is compared, not addresses.
                    Some("a slash") => set(&mut pairs, "iss", &format!("{url}/")),
                    Some("an error") => {
                        set(&mut pairs, "iss", "https://evil.example");
                        set(&mut pairs, "error", "server_error");
                        set(&mut pairs, "error_description", "call this number");
                    }
                    Some(issuer) => set(&mut pairs, "iss", issuer),
                }
                back.query_pairs_mut().clear().extend_pairs(pairs);
                async move { Ok(String::from(back)) }
            });
            match (token(&oauth.build().unwrap(), &world).await, wrong) {
                (Ok(_), None) => assert!(!needed),
                (Ok(_), Some(wrong)) => panic!("{wrong} is accepted"),
                (Err(error), None) => {
                    assert!(needed);
                    assert_distrusted(&world, &error, missing);
                }
                (Err(error), Some(_)) => assert_distrusted(&world, &error, other),
            }
        }
    }
}

#[tokio::test]
async fn a_user_may_refuse() {
    let (world, error) = back_with(|pairs| {
        set(pairs, "error", "access_denied");
        set(pairs, "error_description", "no\r\nthanks");
    })
    .await;
    assert_eq!(error.to_string(), "the authorization was refused: access_denied (nothanks)");
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert_eq!(world.login.count("POST /token"), 0);
}

#[tokio::test]
async fn codes_have_to_be_protected() {
    for methods in [json!(null), json!([]), json!(["plain"])] {
        let world = World::start().await;
        world.login.change(LOGIN, move |it| it["code_challenge_methods_supported"] = methods.clone());
        let error = token(&agreeable(&world).build().unwrap(), &world).await.unwrap_err();
        let told = format!(
            "the authorization server \"{}\" does not say that it protects codes (PKCE with S256), as MCP requires it",
            world.login.url
        );
        assert_eq!(error.to_string(), told);
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        assert_eq!(world.login.count("GET /authorize"), 0);
    }
}

#[tokio::test]
async fn an_authorization_server_that_asks_no_users_is_named() {
    for (field, value) in [("authorization_endpoint", json!(null)), ("response_types_supported", json!(["token"]))] {
        let world = World::start().await;
        world.login.change(LOGIN, move |it| it[field] = value.clone());
        let error = token(&agreeable(&world).build().unwrap(), &world).await.unwrap_err();
        assert_eq!(error.to_string(), format!("the authorization server \"{}\" asks no users", world.login.url));
    }
}

#[tokio::test]
async fn without_a_browser_the_error_names_the_page() {
    let world = World::start().await;
    let error = token(&plain().build().unwrap(), &world).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    let told = error.to_string();
    let start = format!("the server wants its user to agree at {}/authorize?response_type=code&", world.login.url);
    assert!(told.starts_with(&start) && told.ends_with(" (see `on_authorize`)"), "{told}");
}

#[tokio::test]
async fn the_program_learns_what_it_asks_the_user() {
    let world = World::start().await;
    let (told, asked) = (Arc::new(Mutex::new(None)), world.login.clone());
    let oauth = plain().scopes(["files:read", "mail"]).on_authorize({
        let told = told.clone();
        move |page| {
            let back = asked.visit(page.url());
            *told.lock().unwrap() = Some(page);
            async move { Ok(back) }
        }
    });
    token(&oauth.build().unwrap(), &world).await.unwrap();
    let page = told.lock().unwrap().take().unwrap();
    assert_eq!(page.server(), world.server().as_str());
    assert_eq!(page.issuer(), world.login.url);
    assert_eq!(page.scopes().collect::<Vec<_>>(), ["files:read", "mail"]);
    assert!(!format!("{page:?}").contains("state"), "{page:?}");
}

#[tokio::test]
async fn a_program_that_cannot_ask_says_why() {
    let world = World::start().await;
    let oauth = plain().on_authorize(|_| async { Err::<(), _>("there is no display".into()) }).build().unwrap();
    let error = token(&oauth, &world).await.unwrap_err();
    assert_eq!(error.to_string(), "the user could not be asked");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "there is no display");

    let oauth = plain().on_authorize(|_| async { Ok("not an address".to_owned()) }).build().unwrap();
    let error = token(&oauth, &world).await.unwrap_err();
    assert_distrusted(&world, &error, "what the browser was sent to is no address");
}

#[tokio::test]
async fn a_program_that_panics_stops_nothing_else() {
    let world = World::start().await;
    let login = world.login.clone();
    let fails = Mutex::new(true);
    let oauth = plain().on_authorize(move |page| {
        let back = login.visit(page.url());
        let fail = std::mem::take(&mut *fails.lock().unwrap());
        async move {
            assert!(!fail, "on purpose");
            Ok(back)
        }
    });
    let oauth = oauth.build().unwrap();
    let error = token(&oauth, &world).await.unwrap_err();
    assert_eq!(error.to_string(), "the closure given to `on_authorize`, or the store of tokens, panicked");
    token(&oauth, &world).await.unwrap();
}

#[tokio::test]
async fn a_user_who_does_not_decide_is_not_waited_for() {
    let world = World::start().await;
    let oauth = plain().authorization_timeout(Duration::from_secs(120)).on_authorize(|_| async {
        tokio::time::pause();
        Ok(())
    });
    let error = token(&oauth.build().unwrap(), &world).await.unwrap_err();
    assert_eq!(error.to_string(), "the user has not decided within 2m");
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn nobody_is_waited_for_when_all_have_left() {
    let world = World::start().await;
    let (asked, (gone, was_dropped)) = (Arc::new(tokio::sync::Notify::new()), oneshot::channel::<()>());
    let gone = Mutex::new(Some(gone));
    let oauth = plain().on_authorize({
        let asked = asked.clone();
        move |_| {
            let (asked, gone) = (asked.clone(), gone.lock().unwrap().take());
            async move {
                asked.notify_one();
                let _gone = gone;
                std::future::pending::<()>().await;
                Ok(())
            }
        }
    });
    let oauth = oauth.build().unwrap();
    tokio::select! {
        _ = token(&oauth, &world) => panic!("there is no token"),
        () = asked.notified() => {}
    }
    drop(oauth);
    assert!(was_dropped.await.is_err(), "the question is withdrawn");
}

#[tokio::test]
async fn a_user_who_decides_late_has_not_decided_in_vain() {
    let world = World::start().await;
    let (asked, (decide, decision)) = (Arc::new(tokio::sync::Notify::new()), oneshot::channel::<()>());
    let (login, decision) = (world.login.clone(), Mutex::new(Some(decision)));
    let oauth = plain().on_authorize({
        let asked = asked.clone();
        move |page| {
            let back = login.visit(page.url());
            let (asked, decision) = (asked.clone(), decision.lock().unwrap().take().expect("one question"));
            async move {
                asked.notify_one();
                decision.await?;
                Ok(back)
            }
        }
    });
    let oauth = oauth.build().unwrap();
    tokio::select! {
        _ = token(&oauth, &world) => panic!("there is no token"),
        () = asked.notified() => {}
    }
    decide.send(()).unwrap();
    // The next request waits for the same decision.
    assert_eq!(token(&oauth, &world).await.unwrap(), "access-3");
    assert_eq!(world.login.count("GET /authorize"), 1);
}

#[tokio::test]
async fn answers_that_are_no_tokens_are_refused() {
    let cases = [
        (Reply::json(200, &json!({})), "has no token that the client can use", ErrorKind::Protocol),
        (Reply::page(200), "has no token that the client can use", ErrorKind::Protocol),
        (Reply::page(400), "answers 400, and gives no token", ErrorKind::Unauthorized),
        (Reply::page(502), "answers 502, and gives no token at the moment", ErrorKind::Io),
        (Reply::page(429), "answers 429, and gives no token at the moment", ErrorKind::Io),
        (
            Reply::refusal("invalid_grant", "too late"),
            "gives no token: invalid_grant (too late)",
            ErrorKind::Unauthorized,
        ),
        (Reply::json(200, &json!({ "error": "bad_code" })), "gives no token: bad_code", ErrorKind::Unauthorized),
        (
            Reply::json(200, &json!({ "access_token": "a", "token_type": "DPoP" })),
            "gave a token of a type that was not asked for",
            ErrorKind::Protocol,
        ),
        (
            Reply::json(200, &json!({ "access_token": "a\r\nb: c", "token_type": "Bearer" })),
            "gave a token that no header can hold",
            ErrorKind::Protocol,
        ),
    ];
    for (reply, told, kind) in cases {
        let world = World::start().await;
        world.login.at("POST /token", reply);
        let error = token(&agreeable(&world).build().unwrap(), &world).await.unwrap_err();
        assert!(error.to_string().ends_with(told), "{error}");
        assert_eq!(error.kind(), kind, "{error}");
    }
}
