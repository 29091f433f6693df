//! Sun's MD5-crypt, `$md5$` and `$md5,rounds=N$`: each round tosses a coin, made of the last round's
//! bits, whether a speech of Hamlet is digested too. Own code: no crate has it.

use authcluster_contract::formats::{Family, Scheme};
use md5::{Digest as _, Md5};

use super::digest::Derived;
use super::md5_crypt::{is_md5, written};
use super::registry::Format;
use super::{Bounds, FormatError, Legacy, OTHER, Read, text};
use crate::policy::pricing::steps::{Primitive, Steps};

pub(super) const FORMATS: &[Format] = &[Format {
    name: "sun-md5-crypt",
    families: &[Family::Md5Crypt],
    shape: "$md5,rounds=<rounds>$<salt>$<22 digest>, $md5$<salt>$$<22 digest>",
    about: "Solaris; 4,096 rounds are added to those written",
    read,
}];

/// Rounds that are always done.
const ROUNDS_BASE: u32 = 4_096;

/// Shakespeare's Hamlet, act III, scene 1, as Project Gutenberg has it, with the NUL at its end.
const HAMLET: &[u8] = b"\
To be, or not to be,--that is the question:--
Whether 'tis nobler in the mind to suffer
The slings and arrows of outrageous fortune
Or to take arms against a sea of troubles,
And by opposing end them?--To die,--to sleep,--
No more; and by a sleep to say we end
The heartache, and the thousand natural shocks
That flesh is heir to,--'tis a consummation
Devoutly to be wish'd. To die,--to sleep;--
To sleep! perchance to dream:--ay, there's the rub;
For in that sleep of death what dreams may come,
When we have shuffled off this mortal coil,
Must give us pause: there's the respect
That makes calamity of so long life;
For who would bear the whips and scorns of time,
The oppressor's wrong, the proud man's contumely,
The pangs of despis'd love, the law's delay,
The insolence of office, and the spurns
That patient merit of the unworthy takes,
When he himself might his quietus make
With a bare bodkin? who would these fardels bear,
To grunt and sweat under a weary life,
But that the dread of something after death,--
The undiscover'd country, from whose bourn
No traveller returns,--puzzles the will,
And makes us rather bear those ills we have
Than fly to others that we know not of?
Thus conscience does make cowards of us all;
And thus the native hue of resolution
Is sicklied o'er with the pale cast of thought;
And enterprises of great pith and moment,
With this regard, their currents turn awry,
And lose the name of action.--Soft you now!
The fair Ophelia!--Nymph, in thy orisons
Be all my sins remember'd.
\0";

struct SunMd5 {
    /// Those written and those always done.
    rounds: u32,
    /// Everything before the last `$`: all of it is the salt.
    setting: String,
    output: String,
}

fn read(encoded: &str, bounds: &Bounds) -> Result<Read, FormatError> {
    let (setting, output) = encoded.rsplit_once('$').ok_or(OTHER)?;
    let (head, salt) = setting.strip_prefix("$md5").ok_or(OTHER)?.split_once('$').ok_or(OTHER)?;
    let written = match head.strip_prefix(",rounds=") {
        None if head.is_empty() => 0,
        None => return Err(OTHER),
        Some(digits) => match text::number(digits).ok_or(OTHER)? {
            0 => return Err(OTHER),
            rounds => rounds,
        },
    };
    // With or without a second `$`, which then is a part of the setting.
    let salt = salt.strip_suffix('$').unwrap_or(salt);
    if !text::is_crypt(salt) || !is_md5(output) {
        return Err(OTHER);
    }
    let rounds = bounds.rounds(written.saturating_add(ROUNDS_BASE.into()), 1)?;
    let hash = SunMd5 { rounds, setting: setting.to_owned(), output: output.to_owned() };
    Ok(Read::legacy(Scheme::SunMd5, hash))
}

impl Legacy for SunMd5 {
    fn steps(&self, _: usize) -> Steps {
        // Half of the rounds digest 24 blocks of Hamlet.
        Steps { of: Primitive::Md5, count: u64::from(self.rounds).saturating_mul(13) }
    }

    fn digests(&self, password: &[u8]) -> Vec<Derived> {
        let mut digest: [u8; 16] =
            Md5::new().chain_update(password).chain_update(&self.setting).finalize().into();
        for round in 0..self.rounds {
            let mut md5 = Md5::new().chain_update(digest);
            if coin(&digest, round) {
                md5.update(HAMLET);
            }
            md5.update(round.to_string());
            digest = md5.finalize().into();
        }
        vec![written(&digest)]
    }

    fn stored(&self) -> &[u8] {
        self.output.as_bytes()
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![("rounds", self.rounds.to_string())]
    }
}

/// Bit number `place` of the digest, over and over.
fn bit(digest: &[u8; 16], place: u32) -> u8 {
    (byte(digest, place >> 3) >> (place & 7)) & 1
}

fn byte(digest: &[u8; 16], place: u32) -> u8 {
    usize::try_from(place & 15).ok().and_then(|place| digest.get(place)).copied().unwrap_or(0)
}

fn coin(digest: &[u8; 16], round: u32) -> bool {
    let half = |offset: u32| {
        (0..8).fold(0u32, |bits, place| {
            let (one, other) = (byte(digest, offset + place), byte(digest, offset + place + 3));
            let chosen = byte(digest, u32::from(one >> (other % 5)));
            let index = chosen >> ((other >> (one & 7)) & 1);
            bits | u32::from(bit(digest, u32::from(index & 0x7f))) << place
        })
    };
    let first = (half(0) >> bit(digest, round)) & 0x7f;
    let second = (half(8) >> bit(digest, round.wrapping_add(64))) & 0x7f;
    bit(digest, first) != bit(digest, second)
}

#[cfg(test)]
mod tests {
    //! The text that the function depends on.

    #[test]
    fn the_speech_is_whole() {
        assert_eq!(super::HAMLET.len(), 1517);
    }
}
