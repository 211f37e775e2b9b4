/// When a server's own model answers in place of its client's
/// ([`Server::sampling_fallback`](crate::Server::sampling_fallback)).
///
/// What the own model has answered is kept like the result of a [step](crate::Context::step): a call
/// that runs again does not ask it again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SamplingFallback {
    /// When the client has not declared that it can be asked, or not with tools where there are tools.
    #[default]
    IfUnsupported,
    /// Also when the client, its user or its model refused.
    IfRefused,
    /// Always: the client is not asked.
    Always,
    /// Not at all.
    Never,
}
