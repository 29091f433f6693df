//! DES (FIPS 46-3) with crypt's salt: bits of the expanded half are swapped with those 24 places on,
//! where the salt has a bit.
//!
//! Tables are those of the standard, put together at compile time so that a round is eight look-ups.

#![expect(
    clippy::indexing_slicing,
    reason = "indices are masked or bounded to their tables' sizes"
)]

use zeroize::Zeroize;

const PERMUTED_CHOICE_1: [u8; 56] = [
    57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60,
    52, 44, 36, 63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29,
    21, 13, 5, 28, 20, 12, 4,
];

const PERMUTED_CHOICE_2: [u8; 48] = [
    14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2, 41, 52,
    31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
];

const SHIFTS: [u32; 16] = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1];

const INITIAL: [u8; 64] = [
    58, 50, 42, 34, 26, 18, 10, 2, 60, 52, 44, 36, 28, 20, 12, 4, 62, 54, 46, 38, 30, 22, 14, 6,
    64, 56, 48, 40, 32, 24, 16, 8, 57, 49, 41, 33, 25, 17, 9, 1, 59, 51, 43, 35, 27, 19, 11, 3, 61,
    53, 45, 37, 29, 21, 13, 5, 63, 55, 47, 39, 31, 23, 15, 7,
];

const FINAL: [u8; 64] = [
    40, 8, 48, 16, 56, 24, 64, 32, 39, 7, 47, 15, 55, 23, 63, 31, 38, 6, 46, 14, 54, 22, 62, 30,
    37, 5, 45, 13, 53, 21, 61, 29, 36, 4, 44, 12, 52, 20, 60, 28, 35, 3, 43, 11, 51, 19, 59, 27,
    34, 2, 42, 10, 50, 18, 58, 26, 33, 1, 41, 9, 49, 17, 57, 25,
];

const P: [u8; 32] = [
    16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19,
    13, 30, 6, 22, 11, 4, 25,
];

const S: [[u8; 64]; 8] = [
    [
        14, 4, 13, 1, 2, 15, 11, 8, 3, 10, 6, 12, 5, 9, 0, 7, 0, 15, 7, 4, 14, 2, 13, 1, 10, 6, 12,
        11, 9, 5, 3, 8, 4, 1, 14, 8, 13, 6, 2, 11, 15, 12, 9, 7, 3, 10, 5, 0, 15, 12, 8, 2, 4, 9,
        1, 7, 5, 11, 3, 14, 10, 0, 6, 13,
    ],
    [
        15, 1, 8, 14, 6, 11, 3, 4, 9, 7, 2, 13, 12, 0, 5, 10, 3, 13, 4, 7, 15, 2, 8, 14, 12, 0, 1,
        10, 6, 9, 11, 5, 0, 14, 7, 11, 10, 4, 13, 1, 5, 8, 12, 6, 9, 3, 2, 15, 13, 8, 10, 1, 3, 15,
        4, 2, 11, 6, 7, 12, 0, 5, 14, 9,
    ],
    [
        10, 0, 9, 14, 6, 3, 15, 5, 1, 13, 12, 7, 11, 4, 2, 8, 13, 7, 0, 9, 3, 4, 6, 10, 2, 8, 5,
        14, 12, 11, 15, 1, 13, 6, 4, 9, 8, 15, 3, 0, 11, 1, 2, 12, 5, 10, 14, 7, 1, 10, 13, 0, 6,
        9, 8, 7, 4, 15, 14, 3, 11, 5, 2, 12,
    ],
    [
        7, 13, 14, 3, 0, 6, 9, 10, 1, 2, 8, 5, 11, 12, 4, 15, 13, 8, 11, 5, 6, 15, 0, 3, 4, 7, 2,
        12, 1, 10, 14, 9, 10, 6, 9, 0, 12, 11, 7, 13, 15, 1, 3, 14, 5, 2, 8, 4, 3, 15, 0, 6, 10, 1,
        13, 8, 9, 4, 5, 11, 12, 7, 2, 14,
    ],
    [
        2, 12, 4, 1, 7, 10, 11, 6, 8, 5, 3, 15, 13, 0, 14, 9, 14, 11, 2, 12, 4, 7, 13, 1, 5, 0, 15,
        10, 3, 9, 8, 6, 4, 2, 1, 11, 10, 13, 7, 8, 15, 9, 12, 5, 6, 3, 0, 14, 11, 8, 12, 7, 1, 14,
        2, 13, 6, 15, 0, 9, 10, 4, 5, 3,
    ],
    [
        12, 1, 10, 15, 9, 2, 6, 8, 0, 13, 3, 4, 14, 7, 5, 11, 10, 15, 4, 2, 7, 12, 9, 5, 6, 1, 13,
        14, 0, 11, 3, 8, 9, 14, 15, 5, 2, 8, 12, 3, 7, 0, 4, 10, 1, 13, 11, 6, 4, 3, 2, 12, 9, 5,
        15, 10, 11, 14, 1, 7, 6, 0, 8, 13,
    ],
    [
        4, 11, 2, 14, 15, 0, 8, 13, 3, 12, 9, 7, 5, 10, 6, 1, 13, 0, 11, 7, 4, 9, 1, 10, 14, 3, 5,
        12, 2, 15, 8, 6, 1, 4, 11, 13, 12, 3, 7, 14, 10, 15, 6, 8, 0, 5, 9, 2, 6, 11, 13, 8, 1, 4,
        10, 7, 9, 5, 0, 15, 14, 2, 3, 12,
    ],
    [
        13, 2, 8, 4, 6, 15, 11, 1, 10, 9, 3, 14, 5, 0, 12, 7, 1, 15, 13, 8, 10, 3, 7, 4, 12, 5, 6,
        11, 0, 14, 9, 2, 7, 11, 4, 1, 9, 12, 14, 2, 0, 6, 10, 13, 15, 3, 5, 8, 2, 1, 14, 7, 4, 10,
        8, 13, 15, 12, 9, 0, 3, 5, 6, 11,
    ],
];

/// Each S-box with P after it: six bits become bits of the half that they end in.
static SP: [[u32; 64]; 8] = substitutions();

const fn substitutions() -> [[u32; 64]; 8] {
    let mut table = [[0; 64]; 8];
    let mut sbox = 0;
    while sbox < 8 {
        let mut input = 0;
        while input < 64 {
            // The outer bits choose the row.
            let row = (input >> 5) << 1 | (input & 1);
            let column = (input >> 1) & 15;
            let output = S[sbox][row * 16 + column] as u32;
            let before = output << (28 - 4 * sbox);
            let mut place = 0;
            while place < 32 {
                if before & (1 << (32 - P[place] as u32)) != 0 {
                    table[sbox][input] |= 1 << (31 - place);
                }
                place += 1;
            }
            input += 1;
        }
        sbox += 1;
    }
    table
}

/// Takes bits of a number of so many bits, counted from one at its highest.
fn permuted(value: u64, width: u32, table: &[u8]) -> u64 {
    table.iter().fold(0, |bits, place| bits << 1 | (value >> (width - u32::from(*place))) & 1)
}

/// A key's schedule: 16 keys of 24 and 24 bits.
pub(super) struct Cipher([[u32; 2]; 16]);

impl Drop for Cipher {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// The low 32 bits.
fn low(value: u64) -> u32 {
    u32::try_from(value & 0xffff_ffff).unwrap_or_default()
}

impl Cipher {
    pub(super) fn new(key: &[u8; 8]) -> Self {
        let chosen = permuted(u64::from_be_bytes(*key), 64, &PERMUTED_CHOICE_1);
        let (mut c, mut d) = (chosen >> 28, chosen & 0x0fff_ffff);
        let turned = |half: u64, by: u32| (half << by | half >> (28 - by)) & 0x0fff_ffff;
        let keys = SHIFTS.map(|by| {
            c = turned(c, by);
            d = turned(d, by);
            let key = permuted(c << 28 | d, 56, &PERMUTED_CHOICE_2);
            [low(key >> 24), low(key & 0x00ff_ffff)]
        });
        Self(keys)
    }

    /// Encrypts the block so many times, with a salt of up to 24 bits.
    pub(super) fn crypt(&self, block: [u8; 8], salt: u32, times: u32) -> [u8; 8] {
        // The salt's lowest bit swaps the highest bits of both halves of the expansion.
        let swaps = salt.reverse_bits() >> 8;
        let start = permuted(u64::from_be_bytes(block), 64, &INITIAL);
        let (mut left, mut right) = (low(start >> 32), low(start));
        for _ in 0..times {
            for key in &self.0 {
                let next = left ^ round(right, *key, swaps);
                left = right;
                right = next;
            }
            std::mem::swap(&mut left, &mut right);
        }
        let end = u64::from(left) << 32 | u64::from(right);
        permuted(end, 64, &FINAL).to_be_bytes()
    }
}

fn round(half: u32, [key_high, key_low]: [u32; 2], swaps: u32) -> u32 {
    // The expansion repeats the bits at the borders of each four: 48 bits, as 24 and 24.
    let mut high = (half & 1) << 23
        | (half & 0xf800_0000) >> 9
        | (half & 0x1f80_0000) >> 11
        | (half & 0x01f8_0000) >> 13
        | (half & 0x001f_8000) >> 15;
    let mut low = (half & 0x0001_f800) << 7
        | (half & 0x0000_1f80) << 5
        | (half & 0x0000_01f8) << 3
        | (half & 0x0000_001f) << 1
        | half >> 31;
    let swapped = (high ^ low) & swaps;
    high ^= swapped ^ key_high;
    low ^= swapped ^ key_low;
    let six = |value: u32, place: u32| usize::try_from((value >> place) & 63).unwrap_or_default();
    SP[0][six(high, 18)]
        | SP[1][six(high, 12)]
        | SP[2][six(high, 6)]
        | SP[3][six(high, 0)]
        | SP[4][six(low, 18)]
        | SP[5][six(low, 12)]
        | SP[6][six(low, 6)]
        | SP[7][six(low, 0)]
}
