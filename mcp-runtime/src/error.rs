use std::fmt;

/// Why a server or a client stopped, or did not start. See [`Error::kind`]; the wording is not
/// part of the API.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
    http_status: Option<u16>,
}

/// What kind of [`Error`] it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// What the server was built from does not fit together: two tools of one name, a tool whose
    /// state was never given.
    Configuration,
    /// A hook of [`Server::on_start`](crate::Server::on_start) failed.
    Startup,
    /// Reading, writing or starting a process failed.
    Io,
    /// The connection ended while an answer was awaited.
    Closed,
    /// The peer did not answer in time.
    Timeout,
    /// The peer broke the protocol, or no protocol version is common to both.
    Protocol,
    /// The peer answered with an error; [`Error::peer_error`] has it.
    Refused,
    /// A server over HTTP answered with a status that says no, and nothing else; [`Error::http_status`] has it, and the
    /// message what can be done about it.
    Http,
    /// The server wants authorization, and there is none: the user or the authorization server said no, or nobody can
    /// be asked.
    Unauthorized,
    /// A tool answered with an error; the message is what it said.
    Tool,
    /// What came is not of the expected type.
    Decode,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&**self.source.as_ref()?)
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None, http_status: None }
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    #[cfg(feature = "client-http")]
    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.http_status = Some(status);
        self
    }

    /// This as why a request has no token. That a network fails may pass; everything else is between the user, the
    /// server and whoever authorizes.
    #[cfg(feature = "client-http")]
    pub(crate) fn of_token(self, told: &str) -> Self {
        let kind = if self.kind == ErrorKind::Io { ErrorKind::Io } else { ErrorKind::Unauthorized };
        Self { kind, message: format!("{told}: {}", self.message), ..self }
    }

    /// What kind of error it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The status of the HTTP response that said no: of an [`ErrorKind::Http`], and of an [`ErrorKind::Refused`] whose
    /// status was not 200.
    #[must_use]
    pub fn http_status(&self) -> Option<u16> {
        self.http_status
    }

    /// The error that the peer answered with.
    #[must_use]
    pub fn peer_error(&self) -> Option<&crate::protocol::ErrorObject> {
        self.source.as_deref()?.downcast_ref()
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::new(ErrorKind::Io, "the connection failed").with_source(error)
    }
}
