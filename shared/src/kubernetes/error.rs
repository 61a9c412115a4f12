//! Why Kubernetes' facts are not known: the object, the server and the way out.

/// Why nothing was read. Each text names the file, URL or object, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KubernetesError {
    /// The kubeconfig, or a file it names, cannot be used.
    #[error("{0}")]
    Config(String),
    /// The API server does not know the user, or does not let him read.
    #[error("{0}")]
    Refused(String),
    /// There is no such pod or namespace.
    #[error("{0}")]
    Missing(String),
    /// The answer is not one of an API server.
    #[error("{0}")]
    Answer(String),
    /// Nobody answers, or not now.
    #[error("{0}")]
    Away(String),
}

impl KubernetesError {
    /// The CNI error code.
    pub fn code(&self) -> u32 {
        match self {
            KubernetesError::Away(_) => 11,
            KubernetesError::Config(_) => 190,
            KubernetesError::Refused(_) => 191,
            KubernetesError::Missing(_) => 192,
            KubernetesError::Answer(_) => 194,
        }
    }
}
