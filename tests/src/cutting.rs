//! A way to a server on which connections break.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// Listens, and hands on to `server` what comes, and back what it answers. A connection on which the server says
/// `mark` breaks right after that.
///
/// # Panics
///
/// When there is no port to listen at.
pub async fn cut(server: SocketAddr, mark: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
    let address = listener.local_addr().expect("it has an address");
    tokio::spawn(async move {
        while let Ok((theirs, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Ok(ours) = TcpStream::connect(server).await else { return };
                let ((mut from_client, to_client), (from_server, mut to_server)) =
                    (theirs.into_split(), ours.into_split());
                tokio::select! {
                    _ = copy(&mut from_client, &mut to_server) => {}
                    () = until(mark, from_server, to_client) => {}
                }
            });
        }
    });
    address
}

/// Hands on until this was said.
async fn until(mark: &str, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let mut said = Vec::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        let Ok(read @ 1..) = from.read(&mut piece).await else { return };
        let come = piece.get(..read).unwrap_or_default();
        if to.write_all(come).await.is_err() {
            return;
        }
        said.extend_from_slice(come);
        if said.windows(mark.len()).any(|it| it == mark.as_bytes()) {
            return;
        }
        // The mark may come in two pieces.
        said.drain(..said.len().saturating_sub(mark.len()));
    }
}
