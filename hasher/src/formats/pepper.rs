//! The peppers of this process, by key id. A hash that was made with one is read together with it, so
//! that nothing can be computed without: a missing pepper is an error of the reader.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use authcluster_contract::pepper::{KeyId, PepperError, decode};
use zeroize::Zeroizing;

/// One pepper. Cheap to clone; wiped when the last clone is gone.
#[derive(Clone)]
pub struct Pepper {
    id: KeyId,
    secret: Arc<Zeroizing<Vec<u8>>>,
}

impl Pepper {
    /// The pepper that a file holds.
    ///
    /// # Errors
    /// [`PepperError`].
    pub fn new(id: KeyId, content: &[u8]) -> Result<Self, PepperError> {
        Ok(Self { id, secret: Arc::new(decode(content)?) })
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The secret, for the hash function.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.secret
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pepper({}, ..)", self.id)
    }
}

/// All peppers. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Peppers(Arc<BTreeMap<KeyId, Pepper>>);

impl Peppers {
    /// The pepper of this name.
    #[must_use]
    pub fn get(&self, id: KeyId) -> Option<Pepper> {
        self.0.get(&id).cloned()
    }
}

impl FromIterator<Pepper> for Peppers {
    fn from_iter<I: IntoIterator<Item = Pepper>>(peppers: I) -> Self {
        Self(Arc::new(peppers.into_iter().map(|pepper| (pepper.id, pepper)).collect()))
    }
}
