//! Every path against the `argon2` crate, over random parameters and inputs, bit for bit.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use argon2::{Algorithm, AssociatedData};
use authcluster_argon2id::{
    Arena, ArenaOptions, Cost, Input, Params, Path, Variant, Version, hash_into_on,
};
use proptest::collection::vec;
use proptest::prelude::*;

fn expected(params: &Params, input: &Input<'_>) -> Vec<u8> {
    let algorithm = match params.variant() {
        Variant::D => Algorithm::Argon2d,
        Variant::I => Algorithm::Argon2i,
        Variant::Id => Algorithm::Argon2id,
    };
    let version = match params.version() {
        Version::V0x10 => argon2::Version::V0x10,
        Version::V0x13 => argon2::Version::V0x13,
    };
    let Cost { memory_kib, passes, lanes } = params.cost();
    let mut builder = argon2::ParamsBuilder::new();
    builder.m_cost(memory_kib).t_cost(passes).p_cost(lanes);
    builder.data(AssociatedData::new(input.associated_data).unwrap());
    let built = builder.build().unwrap();
    let argon2 = argon2::Argon2::new_with_secret(input.secret, algorithm, version, built).unwrap();
    let mut out = vec![0; params.tag_bytes() as usize];
    argon2.hash_password_into(input.password, input.salt, &mut out).unwrap();
    out
}

fn params() -> impl Strategy<Value = Params> {
    let variant = prop_oneof![Just(Variant::D), Just(Variant::I), Just(Variant::Id)];
    let version = prop_oneof![Just(Version::V0x10), Just(Version::V0x13)];
    let lanes = prop_oneof![4 => Just(1_u32), 3 => 2..6_u32, 1 => 6..20_u32];
    let memory = prop_oneof![8..64_u32, 64..1200_u32];
    (variant, version, lanes, memory, 1..4_u32, 4..200_u32).prop_map(
        |(variant, version, lanes, memory, passes, tag_bytes)| {
            let memory_kib = memory.max(8 * lanes);
            Params::new(variant, version, Cost { memory_kib, passes, lanes }, tag_bytes).unwrap()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_path_agrees_with_the_argon2_crate(
        params in params(),
        password in vec(any::<u8>(), 0..200),
        salt in vec(any::<u8>(), 8..100),
        secret in vec(any::<u8>(), 0..80),
        associated_data in vec(any::<u8>(), 0..=32),
    ) {
        let input = Input {
            password: &password,
            salt: &salt,
            secret: &secret,
            associated_data: &associated_data,
        };
        let expected = expected(&params, &input);
        let mut arena = Arena::new(1200, ArenaOptions::default()).unwrap();
        for path in Path::ALL.into_iter().rev().filter(|path| path.is_available()) {
            let mut out = vec![0; expected.len()];
            hash_into_on(path, &params, &input, &mut arena, &mut out).unwrap();
            prop_assert_eq!(&out, &expected, "{}", path);
        }
    }
}
