//! The VFS that stands between SQLite and its own.
//!
//! It hands everything on, shared memory and locks included. In a folder that belongs to a [`Disk`] it also notes what
//! changes a file, or fails it. Nothing is really flushed: whether it would be there after a power cut is computed.

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Once};
use std::{mem, ptr, slice};

use rusqlite::ffi;

use crate::disk::{Disk, Op};

/// An open file: ours first, then the real one in the same piece of memory, as SQLite allocates it.
#[repr(C)]
struct File {
    base: ffi::sqlite3_file,
    traced: *mut Traced,
}

/// What is known of an open file on a [`Disk`].
struct Traced {
    disk: Arc<Disk>,
    file: usize,
}

/// A pointer to the VFS that is wrapped.
struct Real(*mut ffi::sqlite3_vfs);

// SAFETY: SQLite registers a VFS for the life of the process and lets every thread use it.
unsafe impl Send for Real {}
// SAFETY: as above; it is never written to after the registration.
unsafe impl Sync for Real {}

static REAL: std::sync::OnceLock<Real> = std::sync::OnceLock::new();

/// Makes the shim the default VFS of this process.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: both calls are thread-safe and initialise SQLite if need be. The default VFS is one of SQLite's own,
        // and a copy of it is as good: its methods look at `pAppData` and `mxPathname` alone, which the copy has, and
        // `xOpen` is called with the original. Both the copy and its name live as long as the process.
        unsafe {
            let real = ffi::sqlite3_vfs_find(ptr::null());
            assert!(!real.is_null(), "SQLite has no VFS");
            let mut shim = *real;
            shim.zName = c"disk".as_ptr();
            shim.pNext = ptr::null_mut();
            shim.szOsFile += c_int::try_from(mem::size_of::<File>()).expect("a few words");
            shim.xOpen = Some(open);
            shim.xDelete = Some(delete);
            assert!(REAL.set(Real(real)).is_ok(), "installed once");
            assert_eq!(ffi::sqlite3_vfs_register(Box::into_raw(Box::new(shim)), 1), ffi::SQLITE_OK);
        }
    });
}

fn real_vfs() -> *mut ffi::sqlite3_vfs {
    REAL.get().expect("the shim runs only once it is installed").0
}

/// The real file behind ours.
///
/// # Safety
/// `file` is one that `open` was given: `szOsFile` bytes, the real VFS's behind our own.
unsafe fn real(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: in bounds, as the caller promises, and aligned, as `File` is two words long.
    unsafe { file.cast::<File>().add(1).cast() }
}

/// What is known of a file, if it is traced.
///
/// # Safety
/// `file` is open.
unsafe fn traced<'a>(file: *mut ffi::sqlite3_file) -> Option<&'a Traced> {
    // SAFETY: `open` wrote a pointer that is null or good until `close`, which SQLite calls last.
    unsafe { (*file.cast::<File>()).traced.as_ref() }
}

/// The disk and the name of a file on it.
///
/// # Safety
/// `name` is null or a C string.
unsafe fn place(name: *const c_char) -> Option<(Arc<Disk>, String)> {
    if name.is_null() {
        return None;
    }
    // SAFETY: as the caller promises.
    let path = Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(name) }.to_bytes()));
    Some((Disk::of(path)?, path.file_name()?.to_str()?.to_owned()))
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite gives a name that is null or a C string, and a file of `szOsFile` bytes that nobody else uses yet.
    unsafe {
        let ours = file.cast::<File>();
        ours.write(File { base: ffi::sqlite3_file { pMethods: ptr::null() }, traced: ptr::null_mut() });
        let place = place(name);
        let mut state = place.as_ref().map(|(disk, _)| disk.state());
        if let Some(Err(code)) = state.as_mut().map(|state| state.attempt(ffi::SQLITE_CANTOPEN)) {
            return code;
        }
        let code = (*real_vfs()).xOpen.expect("every VFS has it")(real_vfs(), name, real(file), flags, out_flags);
        if code != ffi::SQLITE_OK {
            return code;
        }
        if let (Some((disk, name)), Some(state)) = (&place, &mut state) {
            let journals = ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL | ffi::SQLITE_OPEN_WAL;
            let number = state.open(name, flags & journals != 0);
            (*ours).traced = Box::into_raw(Box::new(Traced { disk: Arc::clone(disk), file: number }));
        }
        (*ours).base.pMethods = &raw const METHODS;
        code
    }
}

unsafe extern "C" fn delete(_: *mut ffi::sqlite3_vfs, name: *const c_char, sync_folder: c_int) -> c_int {
    // SAFETY: SQLite gives a C string.
    let place = unsafe { place(name) };
    let mut state = place.as_ref().map(|(disk, _)| disk.state());
    if let Some(Err(code)) = state.as_mut().map(|state| state.attempt(ffi::SQLITE_IOERR_DELETE)) {
        return code;
    }
    // SAFETY: the real VFS is asked for what we are asked for, but for the flush.
    let code = unsafe { (*real_vfs()).xDelete.expect("every VFS has it")(real_vfs(), name, 0) };
    if let (ffi::SQLITE_OK, Some((_, name)), Some(state)) = (code, &place, &mut state)
        && state.exists(name)
    {
        state.delete(name, sync_folder != 0);
    }
    code
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: the file is open, and this is the last call on it: what `open` boxed is freed once.
    unsafe {
        let ours = file.cast::<File>();
        if !(*ours).traced.is_null() {
            drop(Box::from_raw((*ours).traced));
            (*ours).traced = ptr::null_mut();
        }
        (*(*real(file)).pMethods).xClose.expect("every file has it")(real(file))
    }
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, data: *const c_void, length: c_int, offset: i64) -> c_int {
    // SAFETY: the file is open, and SQLite gives `length` bytes to write.
    unsafe {
        let write = (*(*real(file)).pMethods).xWrite.expect("every file has it");
        let Some(Traced { disk, file: number }) = traced(file) else {
            return write(real(file), data, length, offset);
        };
        let mut state = disk.state();
        let attempt = state.attempt(ffi::SQLITE_IOERR_WRITE);
        // A write that fails leaves a part of it.
        let length = if attempt.is_ok() { length } else { length / 2 };
        let code = write(real(file), data, length, offset);
        if code == ffi::SQLITE_OK && length > 0 {
            let bytes = slice::from_raw_parts(data.cast::<u8>(), usize::try_from(length).expect("a size")).to_vec();
            state.push(Op::Write { file: *number, offset: usize::try_from(offset).expect("an offset"), bytes });
        }
        attempt.err().unwrap_or(code)
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    // SAFETY: the file is open.
    unsafe {
        let truncate = (*(*real(file)).pMethods).xTruncate.expect("every file has it");
        let Some(Traced { disk, file: number }) = traced(file) else { return truncate(real(file), size) };
        let mut state = disk.state();
        if let Err(code) = state.attempt(ffi::SQLITE_IOERR_TRUNCATE) {
            return code;
        }
        let code = truncate(real(file), size);
        if code == ffi::SQLITE_OK {
            state.push(Op::Truncate { file: *number, size: usize::try_from(size).expect("a size") });
        }
        code
    }
}

unsafe extern "C" fn flush(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    // SAFETY: the file is open.
    let Some(Traced { disk, file: number }) = (unsafe { traced(file) }) else { return ffi::SQLITE_OK };
    let mut state = disk.state();
    let attempt = state.attempt(ffi::SQLITE_IOERR_FSYNC);
    state.push(match attempt {
        Ok(()) => Op::Flush { file: *number },
        Err(_) => Op::FailedFlush { file: *number },
    });
    attempt.err().unwrap_or(ffi::SQLITE_OK)
}

/// A method that only hands on.
macro_rules! hand_on {
    ($name:ident, $method:ident, ($($arg:ident: $type:ty),*) $(-> $result:ty)?) => {
        unsafe extern "C" fn $name(file: *mut ffi::sqlite3_file, $($arg: $type),*) $(-> $result)? {
            // SAFETY: the file is open, and the real one gets what we are given.
            unsafe { (*(*real(file)).pMethods).$method.expect("SQLite's own files have it")(real(file), $($arg),*) }
        }
    };
}

hand_on!(read, xRead, (data: *mut c_void, length: c_int, offset: i64) -> c_int);
hand_on!(file_size, xFileSize, (size: *mut i64) -> c_int);
hand_on!(lock, xLock, (level: c_int) -> c_int);
hand_on!(unlock, xUnlock, (level: c_int) -> c_int);
hand_on!(check_reserved_lock, xCheckReservedLock, (found: *mut c_int) -> c_int);
hand_on!(file_control, xFileControl, (op: c_int, arg: *mut c_void) -> c_int);
hand_on!(sector_size, xSectorSize, () -> c_int);
hand_on!(device_characteristics, xDeviceCharacteristics, () -> c_int);
hand_on!(shm_map, xShmMap, (page: c_int, size: c_int, extend: c_int, found: *mut *mut c_void) -> c_int);
hand_on!(shm_lock, xShmLock, (offset: c_int, n: c_int, flags: c_int) -> c_int);
hand_on!(shm_barrier, xShmBarrier, ());
hand_on!(shm_unmap, xShmUnmap, (delete: c_int) -> c_int);

/// Version 2: with shared memory, without mapped files, which would be written behind our back.
static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(flush),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};
