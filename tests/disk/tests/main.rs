//! What an acknowledgement is worth when the power fails or the disk does.

mod io_faults;
mod power_cut;
