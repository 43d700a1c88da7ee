//! Whether a history is one that the writers can have made.

use std::collections::HashMap;

use causal_vault::{Fingerprint, StoredEvent, Value};

/// What is needed of an event: its place, and which append it was.
#[derive(Clone, Debug)]
pub(super) struct Record {
    position: u64,
    writer: Fingerprint,
    seq: u64,
    process: u32,
    append: u32,
}

impl Record {
    pub(super) fn of(event: &StoredEvent) -> Self {
        let text = std::str::from_utf8(&event.payload).unwrap();
        let (process, append) = text.split_once(':').unwrap();
        Self {
            position: event.header.position.number(),
            writer: event.header.writer,
            seq: event.header.seq,
            process: process.parse().unwrap(),
            append: append.parse().unwrap(),
        }
    }

    /// A row of the careless processes: position, process, append.
    pub(super) fn of_row(row: &[Value]) -> Self {
        let [Value::Int(position), Value::Int(process), Value::Int(append)] = row[..] else { panic!("{row:?}") };
        let (process, append) = (u32::try_from(process).unwrap(), u32::try_from(append).unwrap());
        let writer = Fingerprint::named(&process.to_string()).unwrap();
        Self { position: position.cast_unsigned(), writer, seq: u64::from(append) + 1, process, append }
    }
}

/// Positions without a gap, numbers without a gap in each log, and every append of every process once and in its order.
pub(super) fn check(history: &[Record], processes: u32, appends: u32) -> Result<(), String> {
    let mut logs = HashMap::<Fingerprint, u64>::new();
    let mut done = HashMap::<u32, u32>::new();
    for (position, record) in (1..).zip(history) {
        if record.position != position {
            return Err(format!("position {} where {position} is expected", record.position));
        }
        let seq = logs.entry(record.writer).or_default();
        *seq += 1;
        if record.seq != *seq {
            return Err(format!("entry {} at position {position} where {seq} is expected", record.seq));
        }
        let next = done.entry(record.process).or_default();
        if record.append != *next {
            return Err(format!("append {} of process {} where {next} is expected", record.append, record.process));
        }
        *next += 1;
    }
    match (0..processes).find(|process| done.get(process).copied().unwrap_or_default() != appends) {
        Some(process) => Err(format!("process {process} has {:?} of {appends} appends", done.get(&process))),
        None => Ok(()),
    }
}

/// The control: histories that no correct vault makes.
#[test]
fn a_history_with_a_lost_a_doubled_or_a_moved_append_is_caught() {
    let writer = |process: u32| Fingerprint::named(&process.to_string()).unwrap();
    let record = |position: u64, process: u32, append: u32| Record {
        position,
        writer: writer(process),
        seq: u64::from(append) + 1,
        process,
        append,
    };
    let good = [record(1, 0, 0), record(2, 1, 0), record(3, 0, 1), record(4, 1, 1)];
    assert_eq!(check(&good, 2, 2), Ok(()));
    let complains = |history: &[Record], words: &str| {
        let complaint = check(history, 2, 2).unwrap_err();
        assert!(complaint.contains(words), "{complaint}");
    };
    complains(&good[..3], "process 1 has Some(1) of 2 appends");
    complains(&[good[0].clone(), good[2].clone()], "position 3 where 2");
    complains(&[good[0].clone(), record(2, 0, 0)], "entry 1 at position 2 where 2");
    complains(&[good[0].clone(), Record { seq: 2, ..record(2, 0, 0) }], "append 0 of process 0 where 1");
}
