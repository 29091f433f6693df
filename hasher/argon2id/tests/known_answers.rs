//! Known answers: RFC 9106, section 5, with secret and associated data, and the same inputs in version
//! 0x10; and stored hashes from the test suites named in each row of `vectors/argon2.jsonl`.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use authcluster_argon2id::{
    Arena, ArenaOptions, Cost, Input, Params, Path, Variant, Version, hash_into_on,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// More memory than any row needs that must verify. Rows above it are cost bombs.
const MEMORY_KIB_MAX: u32 = 256 << 10;

fn paths() -> impl Iterator<Item = Path> {
    Path::ALL.into_iter().filter(|path| path.is_available())
}

fn check(variant: Variant, version: Version, expected: &str) {
    let cost = Cost { memory_kib: 32, passes: 3, lanes: 4 };
    let params = Params::new(variant, version, cost, 32).unwrap();
    let input =
        Input { password: &[1; 32], salt: &[2; 16], secret: &[3; 8], associated_data: &[4; 12] };
    let mut arena = Arena::new(32, ArenaOptions::default()).unwrap();
    for path in paths() {
        let mut tag = [0; 32];
        hash_into_on(path, &params, &input, &mut arena, &mut tag).unwrap();
        let hex: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected, "{variant:?} {version:?} {path}");
    }
}

#[test]
fn rfc_9106() {
    use Variant::{D, I, Id};
    let version = Version::V0x13;
    check(D, version, "512b391b6f1162975371d30919734294f868e3be3984f3c1a13a4db9fabe4acb");
    check(I, version, "c814d9d1dc7f37aa13f0d77f2494bda1c8de6b016dd388d29952a4c4672b6ce8");
    check(Id, version, "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659");
}

#[test]
fn reference_implementation_version_0x10() {
    use Variant::{D, I, Id};
    let version = Version::V0x10;
    check(D, version, "96a9d4e5a1734092c85e29f410a45914a5dd1f5cbf08b2670da68a0285abf32b");
    check(I, version, "87aeedd6517ab830cd9765cd8231abb2e647a5dee08f7c05e02fcb763335d0fd");
    check(Id, version, "b64615f07789b66b645b67ee9ed3b377ae350b6bfcbb0fc95141ea8f322613c0");
}

/// A stored hash, taken apart. `None` for what must not be accepted.
struct Stored {
    params: Params,
    salt: Vec<u8>,
    associated_data: Vec<u8>,
    tag: Vec<u8>,
}

impl Stored {
    fn parse(encoded: &str, is_key_id_known: bool) -> Option<Self> {
        let mut parts = encoded.get(encoded.find("$argon2")? + 1..)?.split('$');
        let variant = match parts.next()? {
            "argon2d" => Variant::D,
            "argon2i" => Variant::I,
            "argon2id" => Variant::Id,
            _ => return None,
        };
        let mut next = parts.next()?;
        let version = match next.strip_prefix("v=") {
            None => Version::V0x10,
            Some(number) => {
                next = parts.next()?;
                match number {
                    "16" => Version::V0x10,
                    "19" => Version::V0x13,
                    _ => return None,
                }
            }
        };
        let mut numbers = [None; 3];
        let mut associated_data = Vec::new();
        for field in next.split(',') {
            match field.split_once('=')? {
                ("m", value) => numbers[0] = Some(value.parse().ok()?),
                ("t", value) => numbers[1] = Some(value.parse().ok()?),
                ("p", value) => numbers[2] = Some(value.parse().ok()?),
                ("data", value) => associated_data = STANDARD_NO_PAD.decode(value).ok()?,
                // It says which secret was used, and is not hashed.
                ("keyid", value) if is_key_id_known => drop(STANDARD_NO_PAD.decode(value).ok()?),
                _ => return None,
            }
        }
        let [memory_kib, passes, lanes] = numbers;
        let salt = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
        let tag = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
        let cost = Cost { memory_kib: memory_kib?, passes: passes?, lanes: lanes? };
        let params = Params::new(variant, version, cost, tag.len().try_into().ok()?).ok()?;
        Some(Self { params, salt, associated_data, tag })
    }

    fn verify(&self, password: &[u8], arena: &mut Arena) -> bool {
        let cost = self.params.cost();
        if cost.memory_kib > MEMORY_KIB_MAX {
            return false;
        }
        let is_cheap = cost.memory_kib.saturating_mul(cost.passes) <= 8 << 10;
        let mut answers: Vec<bool> = paths()
            .filter(|path| is_cheap || *path == Path::detect())
            .map(|path| {
                let input = Input {
                    associated_data: &self.associated_data,
                    ..Input::new(password, &self.salt)
                };
                let mut tag = vec![0; self.tag.len()];
                hash_into_on(path, &self.params, &input, arena, &mut tag).unwrap();
                tag == self.tag
            })
            .collect();
        answers.dedup();
        assert_eq!(answers.len(), 1, "the paths disagree");
        answers == [true]
    }
}

#[test]
fn stored_hashes_of_other_projects() {
    let mut arena = Arena::new(MEMORY_KIB_MAX, ArenaOptions::default()).unwrap();
    let mut verified = 0;
    for line in include_str!("vectors/argon2.jsonl").lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let encoded = row["encoded"].as_str().unwrap();
        let expected = row["verify"].as_bool().unwrap();
        let password = row["password"].as_str().unwrap();
        // Some libraries know the key id, some refuse it: this row says yes, so it is known.
        let stored = Stored::parse(encoded, expected);
        let answer = stored.is_some_and(|stored| stored.verify(password.as_bytes(), &mut arena));
        assert_eq!(answer, expected, "{line}");
        verified += usize::from(answer);
    }
    assert_eq!(verified, 41, "rows that verify");
}
