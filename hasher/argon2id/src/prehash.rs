//! The `BLAKE2b` parts of RFC 9106: the hash of all inputs, `H0`, and the variable-length hash, `H'`.

use blake2::digest::Output;
use blake2::digest::block_api::{UpdateCore, VariableOutputCore};
use blake2::digest::block_buffer::LazyBuffer;
use blake2::{Blake2b512, Blake2bVarCore, Digest};
use zeroize::{Zeroize, Zeroizing};

use crate::block::{WORDS, Words};
use crate::{Error, Input, Params};

/// Bytes that `BLAKE2b` gives at most.
const BLAKE2B_BYTES: usize = 64;

/// Bytes of a `BLAKE2b` hash that `H'` lets out, when it needs more than one.
const HALF_BYTES: usize = BLAKE2B_BYTES / 2;

/// `H0` of RFC 9106, 3.2. It is as good as the password to whoever guesses: it is wiped on drop.
pub(crate) struct Prehash(Zeroizing<[u8; BLAKE2B_BYTES]>);

impl Prehash {
    /// Hashes parameters and inputs.
    pub(crate) fn new(params: &Params, input: &Input<'_>) -> Result<Self, Error> {
        let cost = params.cost();
        let numbers = [
            cost.lanes,
            params.tag_bytes(),
            cost.memory_kib,
            cost.passes,
            params.version().code(),
            params.variant().code(),
        ];
        let inputs = [
            ("password", input.password),
            ("salt", input.salt),
            ("secret", input.secret),
            ("associated data", input.associated_data),
        ];
        let mut hash = Blake2b512::new();
        for number in numbers {
            hash.update(number.to_le_bytes());
        }
        for (name, bytes) in inputs {
            let length =
                u32::try_from(bytes.len()).map_err(|_| Error::InputTooLong { input: name })?;
            hash.update(length.to_le_bytes());
            hash.update(bytes);
        }
        let mut bytes = Zeroizing::new([0; BLAKE2B_BYTES]);
        bytes.copy_from_slice(&hash.finalize());
        Ok(Self(bytes))
    }

    /// Block `column` (0 or 1) of `lane`: `H'(H0 || column || lane)`.
    pub(crate) fn first_block(&self, column: u32, lane: u32) -> Zeroizing<Words> {
        let mut bytes = Zeroizing::new([0; WORDS * 8]);
        long_hash(&[&self.0[..], &column.to_le_bytes(), &lane.to_le_bytes()], &mut bytes[..]);
        let mut words = Zeroizing::new([0; WORDS]);
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        words
    }
}

/// The tag: `H'` of the XOR of the lanes' last blocks.
pub(crate) fn tag(last: &Words, out: &mut [u8]) {
    let mut bytes = Zeroizing::new([0; WORDS * 8]);
    for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(last) {
        *bytes = word.to_le_bytes();
    }
    long_hash(&[&bytes[..]], out);
}

/// `H'` of RFC 9106, 3.3.
fn long_hash(inputs: &[&[u8]], out: &mut [u8]) {
    // `Params` holds the length as u32, and the output has that length.
    let length = u32::try_from(out.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut hash = Zeroizing::new([0; BLAKE2B_BYTES]);
    if out.len() <= BLAKE2B_BYTES {
        short_hash(core::iter::once(&length[..]).chain(inputs.iter().copied()), out);
        return;
    }
    short_hash(core::iter::once(&length[..]).chain(inputs.iter().copied()), &mut hash[..]);
    let mut rest = out;
    loop {
        let (half, left) = rest.split_at_mut(HALF_BYTES);
        half.copy_from_slice(hash.first_chunk::<HALF_BYTES>().unwrap_or(&[0; HALF_BYTES]));
        rest = left;
        let before = hash.clone();
        if rest.len() <= BLAKE2B_BYTES {
            return short_hash(core::iter::once(&before[..]), rest);
        }
        short_hash(core::iter::once(&before[..]), &mut hash[..]);
    }
}

/// `BLAKE2b` with an output of `out.len()` bytes, 1 to 64.
fn short_hash<'a>(inputs: impl Iterator<Item = &'a [u8]>, out: &mut [u8]) {
    // The callers pass 1 to 64 bytes, which is what `new` asks for.
    let Ok(mut hash) = Blake2bVarCore::new(out.len()) else { return };
    let mut buffer = LazyBuffer::default();
    for input in inputs {
        buffer.digest_blocks(input, |blocks| hash.update_blocks(blocks));
    }
    let mut full = Output::<Blake2b512>::default();
    hash.finalize_variable_core(&mut buffer, &mut full);
    for (out, byte) in out.iter_mut().zip(&full) {
        *out = *byte;
    }
    full.zeroize();
}
