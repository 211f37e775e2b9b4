//! Servers over HTTPS.

use std::sync::Arc;

use mcp_runtime::prelude::*;
use mcp_runtime::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use mcp_runtime::rustls::{ClientConfig, RootCertStore, ServerConfig};
use mcp_tests::add;
use mcp_tests::http::{modern, modern_headers};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

#[tokio::test]
async fn calls_are_encrypted_and_what_is_not_does_no_harm() {
    let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = CertificateDer::from(identity.cert);
    let key = PrivateKeyDer::try_from(identity.signing_key.serialize_der()).unwrap();
    let config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate.clone()], key).unwrap();
    let ready = Server::new("encrypted").tools(tools![add]).build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let http = ready.http();
    let serving = tokio::spawn(http.serve_tls(listener, config, std::future::pending()));

    // Somebody who does not speak TLS.
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(b"GET /mcp HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    _ = plain.read_to_end(&mut Vec::new()).await;

    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let message = modern(1, "tools/call", json!({ "name": "add", "arguments": { "a": 1, "b": 2 } }));
    let (body, headers) = (message.to_string(), modern_headers(&message));
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let head = "POST /mcp HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
    let request = format!("{head}{headers}content-length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let json: Value = serde_json::from_str(body).unwrap();
    assert_eq!(json["result"]["structuredContent"]["result"], 3);

    ready.shutdown().await;
    serving.await.unwrap().unwrap();
}
