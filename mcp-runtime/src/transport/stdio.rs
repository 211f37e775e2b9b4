//! The standard streams of this process as a connection.
//!
//! Pipes and sockets are read and written by the runtime's reactor, anything else (a terminal, a
//! file) by a thread. While the connection lives, what the program prints goes to standard
//! error, and child processes do not inherit its input.

use std::io;

use tokio::io::AsyncWriteExt as _;

use super::{Reader, Writer};

/// The process's standard streams, taken. Dropping it gives them back.
pub(crate) struct Stdio {
    pub(crate) reader: Reader,
    pub(crate) writer: Writer,
    /// Gives them back.
    #[cfg(unix)]
    pub(crate) _taken: unix::Taken,
}

impl Stdio {
    /// Takes the standard streams.
    ///
    /// # Errors
    ///
    /// When the operating system refuses, or they are taken already.
    pub(crate) fn take() -> io::Result<Self> {
        #[cfg(unix)]
        return unix::take();
        #[cfg(not(unix))]
        Ok(Self { reader: threaded(std::io::stdin()), writer: Box::new(tokio::io::stdout()) })
    }
}

/// Reads in a thread of its own. It is left behind when the connection ends: a read of a
/// terminal cannot be interrupted.
pub(crate) fn threaded(mut input: impl io::Read + Send + 'static) -> Reader {
    let (receiver, mut sender) = tokio::io::simplex(64 << 10);
    let runtime = tokio::runtime::Handle::current();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 16 << 10];
        loop {
            let read = match input.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(read) => read,
            };
            if runtime.block_on(sender.write_all(&buffer[..read])).is_err() {
                return;
            }
        }
        // Without this the other end would wait for ever.
        let _ = runtime.block_on(sender.shutdown());
    });
    Box::new(receiver)
}

#[cfg(unix)]
pub(crate) mod unix {
    use std::fs::File;
    use std::io;
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
    use std::os::unix::net::UnixStream;
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustix::fs::{FileType, fstat};
    use rustix::io::fcntl_dupfd_cloexec;
    use rustix::stdio::{dup2_stdin, dup2_stdout, stderr, stdin, stdout};
    use tokio::net::unix::pipe;

    use super::{Stdio, threaded};
    use crate::transport::{Reader, Writer};

    static TAKEN: AtomicBool = AtomicBool::new(false);

    /// Gives the standard streams back.
    pub(crate) struct Taken {
        stdin: OwnedFd,
        stdout: OwnedFd,
    }

    impl Drop for Taken {
        fn drop(&mut self) {
            // There is nobody to tell if this fails, and nothing else to do.
            let _ = dup2_stdin(&self.stdin);
            let _ = dup2_stdout(&self.stdout);
            TAKEN.store(false, Ordering::Release);
        }
    }

    pub(super) fn take() -> io::Result<Stdio> {
        if TAKEN.swap(true, Ordering::AcqRel) {
            return Err(io::Error::other("the standard streams of this process are served already"));
        }
        // File descriptors of our own that no child process inherits.
        let keep = |fd: BorrowedFd<'_>| fcntl_dupfd_cloexec(fd, 3);
        let taken = Taken { stdin: keep(stdin())?, stdout: keep(stdout())? };
        dup2_stdin(File::open("/dev/null")?)?;
        dup2_stdout(stderr())?;
        let reader = reader(taken.stdin.try_clone()?)?;
        let writer = writer(taken.stdout.try_clone()?)?;
        Ok(Stdio { reader, writer, _taken: taken })
    }

    fn reader(fd: OwnedFd) -> io::Result<Reader> {
        match FileType::from_raw_mode(fstat(&fd)?.st_mode) {
            FileType::Fifo => {
                // A description of our own: whoever shares the old one does not see it turn
                // nonblocking.
                if let Ok(own) = pipe::OpenOptions::new().open_receiver(path(&fd)) {
                    return Ok(Box::new(own));
                }
                if !shared_with_stderr(&fd)? {
                    return Ok(Box::new(pipe::Receiver::from_owned_fd(fd)?));
                }
            }
            FileType::Socket if !shared_with_stderr(&fd)? => return Ok(Box::new(socket(fd)?)),
            _ => {}
        }
        Ok(threaded(File::from(fd)))
    }

    fn writer(fd: OwnedFd) -> io::Result<Writer> {
        match FileType::from_raw_mode(fstat(&fd)?.st_mode) {
            FileType::Fifo => {
                if let Ok(own) = pipe::OpenOptions::new().open_sender(path(&fd)) {
                    return Ok(Box::new(own));
                }
                if !shared_with_stderr(&fd)? {
                    return Ok(Box::new(pipe::Sender::from_owned_fd(fd)?));
                }
            }
            FileType::Socket if !shared_with_stderr(&fd)? => return Ok(Box::new(socket(fd)?)),
            _ => {}
        }
        Ok(Box::new(tokio::fs::File::from_std(File::from(fd))))
    }

    fn path(fd: &OwnedFd) -> String {
        use std::os::fd::AsRawFd as _;
        format!("/proc/self/fd/{}", fd.as_raw_fd())
    }

    fn socket(fd: OwnedFd) -> io::Result<tokio::net::UnixStream> {
        let socket = UnixStream::from(fd);
        socket.set_nonblocking(true)?;
        tokio::net::UnixStream::from_std(socket)
    }

    /// Whether nonblocking mode would reach standard error too, where prints would then fail.
    fn shared_with_stderr(fd: impl AsFd) -> io::Result<bool> {
        let (ours, error) = (fstat(fd)?, fstat(stderr())?);
        Ok((ours.st_dev, ours.st_ino) == (error.st_dev, error.st_ino))
    }
}
