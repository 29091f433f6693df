//! Who is measured: this crate on each path, the `argon2` crate as people use it and in kept
//! memory, and libargon2 in kept memory.

#![expect(unsafe_code, reason = "libargon2 is C")]

use std::cell::RefCell;
use std::rc::Rc;

use argon2::password_hash::phc::{Output, ParamsString, Salt};
use argon2::{Algorithm, Argon2, Block, PasswordHash, PasswordVerifier};
use authcluster_argon2id::{Arena, ArenaOptions, Cost, Input, Params, Path, Variant, Version};

const PASSWORD: &[u8] = b"correct horse battery staple";
const SALT: &[u8; 16] = b"sixteen bytes...";
const TAG_BYTES: usize = 32;
const TAG_BYTES_U32: u32 = 32;

/// One way to hash. `hash` is what is timed; `tag` tells what it came to.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) hash: Box<dyn FnMut() -> Result<(), String>>,
    pub(crate) tag: Box<dyn Fn() -> [u8; TAG_BYTES]>,
}

/// All that this machine can run.
pub(crate) fn all(cost: Cost) -> Result<Vec<Contender>, String> {
    let mut all = vec![crate_as_used(cost)?, crate_in_kept_memory(cost)?, libargon2(cost)?];
    for (path, name) in [
        (Path::Avx512, "engine avx512"),
        (Path::Avx2, "engine avx2"),
        (Path::Portable, "engine portable"),
    ] {
        if path.is_available() {
            all.push(engine(path, name, cost)?);
        }
    }
    Ok(all)
}

/// This crate, on one path.
fn engine(path: Path, name: &'static str, cost: Cost) -> Result<Contender, String> {
    let mut lane = Lane::new(path, cost)?;
    let tag = Rc::new(RefCell::new([0; TAG_BYTES]));
    let seen = Rc::clone(&tag);
    let hash = move || lane.hash().map(|tag| *seen.borrow_mut() = tag);
    Ok(Contender { name, hash: Box::new(hash), tag: Box::new(move || *tag.borrow()) })
}

/// An arena and what is hashed in it.
pub(crate) struct Lane {
    path: Path,
    params: Params,
    arena: Arena,
}

impl Lane {
    pub(crate) fn new(path: Path, cost: Cost) -> Result<Self, String> {
        let params = Params::new(Variant::Id, Version::V0x13, cost, TAG_BYTES_U32).map_err(text)?;
        let arena = Arena::new(cost.memory_kib, ArenaOptions::default()).map_err(text)?;
        Ok(Self { path, params, arena })
    }

    pub(crate) fn hash(&mut self) -> Result<[u8; TAG_BYTES], String> {
        let mut tag = [0; TAG_BYTES];
        let input = Input::new(PASSWORD, SALT);
        authcluster_argon2id::hash_into_on(
            self.path,
            &self.params,
            &input,
            &mut self.arena,
            &mut tag,
        )
        .map_err(text)?;
        Ok(tag)
    }
}

/// `verify_password` of the `argon2` crate: what its documentation shows.
fn crate_as_used(cost: Cost) -> Result<Contender, String> {
    let argon2 = crate_for(cost)?;
    let mut tag = [0; TAG_BYTES];
    argon2.hash_password_into(PASSWORD, SALT, &mut tag).map_err(text)?;
    let stored = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(argon2::Version::V0x13.into()),
        params: ParamsString::try_from(argon2.params()).map_err(text)?,
        salt: Some(Salt::new(SALT).map_err(text)?),
        hash: Some(Output::new(&tag).map_err(text)?),
    };
    let hash = move || Argon2::default().verify_password(PASSWORD, &stored).map_err(text);
    Ok(Contender {
        name: "argon2 crate, as used",
        hash: Box::new(hash),
        tag: Box::new(move || tag),
    })
}

/// The `argon2` crate in memory that is kept, in huge pages.
fn crate_in_kept_memory(cost: Cost) -> Result<Contender, String> {
    let argon2 = crate_for(cost)?;
    let mut memory = huge_memory(cost)?;
    let tag = Rc::new(RefCell::new([0; TAG_BYTES]));
    let seen = Rc::clone(&tag);
    let hash = move || {
        let bytes = aligned(&mut memory);
        // SAFETY: a Block is 128 integers, for which every bit pattern is valid.
        let (_, blocks, _) = unsafe { bytes.align_to_mut::<Block>() };
        argon2
            .hash_password_into_with_memory(PASSWORD, SALT, &mut *seen.borrow_mut(), blocks)
            .map_err(text)
    };
    Ok(Contender {
        name: "argon2 crate, kept memory",
        hash: Box::new(hash),
        tag: Box::new(move || *tag.borrow()),
    })
}

fn crate_for(cost: Cost) -> Result<Argon2<'static>, String> {
    let Cost { memory_kib, passes, lanes } = cost;
    let params = argon2::Params::new(memory_kib, passes, lanes, Some(TAG_BYTES)).map_err(text)?;
    Ok(Argon2::new(Algorithm::Argon2id, argon2::Version::V0x13, params))
}

thread_local! {
    /// What libargon2 gets when it asks for memory.
    static MEMORY: RefCell<Option<memmap2::MmapMut>> = const { RefCell::new(None) };
}

unsafe extern "C" {
    /// libargon2's switch for wiping its memory after each hash. Off, for its best time: this
    /// crate is measured without wiping as well.
    static mut FLAG_clear_internal_memory: std::ffi::c_int;
}

extern "C" fn allocate(memory: *mut *mut u8, bytes: usize) -> std::ffi::c_int {
    MEMORY.with_borrow_mut(|kept| {
        let kept = kept.as_mut().map(aligned).filter(|kept| kept.len() >= bytes);
        let start = kept.map_or(std::ptr::null_mut(), |kept| kept.as_mut_ptr());
        // SAFETY: libargon2 passes the address of a local pointer.
        unsafe { memory.write(start) };
    });
    0
}

extern "C" fn free(_memory: *mut u8, _bytes: usize) {}

/// libargon2, built for this CPU, in memory that is kept, in huge pages.
fn libargon2(cost: Cost) -> Result<Contender, String> {
    let Cost { memory_kib, passes, lanes } = cost;
    let mut memory = Some(huge_memory(cost)?);
    let tag = Rc::new(RefCell::new([0; TAG_BYTES]));
    let seen = Rc::clone(&tag);
    let hash = move || {
        if let Some(memory) = memory.take() {
            MEMORY.set(Some(memory));
        }
        let mut tag = seen.borrow_mut();
        let (mut password, mut salt) = (PASSWORD.to_vec(), *SALT);
        let mut context = argon2_sys::argon2_context {
            out: tag.as_mut_ptr(),
            outlen: TAG_BYTES_U32,
            pwd: password.as_mut_ptr(),
            pwdlen: u32::try_from(PASSWORD.len()).map_err(text)?,
            salt: salt.as_mut_ptr(),
            saltlen: 16,
            secret: std::ptr::null_mut(),
            secretlen: 0,
            ad: std::ptr::null_mut(),
            adlen: 0,
            t_cost: passes,
            m_cost: memory_kib,
            lanes,
            threads: 1,
            version: 0x13,
            allocate_cbk: Some(allocate),
            free_cbk: Some(free),
            flags: 0,
        };
        // SAFETY: nothing else uses the switch, and the benchmark hashes on one thread here.
        unsafe { FLAG_clear_internal_memory = 0 };
        // SAFETY: every pointer in the context is to a live buffer of the length beside it.
        match unsafe { argon2_sys::argon2id_ctx(&mut context) } {
            0 => Ok(()),
            code => Err(format!("libargon2 answers {code}")),
        }
    };
    Ok(Contender {
        name: "libargon2, kept memory",
        hash: Box::new(hash),
        tag: Box::new(move || *tag.borrow()),
    })
}

const HUGE_PAGE_BYTES: usize = 2 << 20;

/// Memory for `cost` and an alignment, in huge pages, touched.
fn huge_memory(cost: Cost) -> Result<memmap2::MmapMut, String> {
    let bytes = (cost.memory_kib as usize * 1024).next_multiple_of(HUGE_PAGE_BYTES);
    let mut map = memmap2::MmapMut::map_anon(bytes + HUGE_PAGE_BYTES).map_err(text)?;
    // Without huge pages the comparison still holds: then this crate has none, either.
    let _refused = map.advise(memmap2::Advice::HugePage);
    map.fill(0);
    Ok(map)
}

fn aligned(map: &mut memmap2::MmapMut) -> &mut [u8] {
    let offset = map.as_ptr().align_offset(HUGE_PAGE_BYTES);
    map.get_mut(offset..).unwrap_or_default()
}

pub(crate) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
