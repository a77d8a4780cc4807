//! Measures the `scylla` crate on one thread, as client-process.ts measures the other clients.
//! Arguments: the address of a node, then `workload:inFlight` of each measurement. Prints one JSON
//! line per measurement. `RESPONDER_PID` names the process whose CPU time is reported as well.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::client::PoolSize;
use scylla::response::PagingState;
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::value::CqlTimestamp;
use tokio::task::LocalSet;
use uuid::Uuid;

const NAME: &str = "a name of 20 letters";
const AT: CqlTimestamp = CqlTimestamp(1_700_000_000_000);
const BATCH_ROWS: i32 = 100;
const PAGE_ROWS: u64 = 5_000;
const SELECT_IDS: i64 = 20_000;
const WINDOWS: usize = 8;
const WINDOW: Duration = Duration::from_millis(150);

const INSERT: &str = "INSERT INTO bench.t (id, name, count, score, at) VALUES (?, ?, ?, ?, ?)";
const SELECT: &str = "SELECT id, name, count, score, at FROM bench.t WHERE id = ?";
const PAGE: &str = "SELECT id, name, count, score, at, ref FROM bench.t WHERE id = ?";

/// Counts bytes while a window asks for it.
struct CountingAllocator;
static COUNTING: AtomicBool = AtomicBool::new(false);
static ALLOCATED: AtomicU64 = AtomicU64::new(0);

fn count(bytes: usize) {
    if COUNTING.load(Relaxed) {
        ALLOCATED.store(ALLOCATED.load(Relaxed) + bytes as u64, Relaxed);
    }
}

unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        System.alloc(layout)
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        System.dealloc(pointer, layout)
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        System.realloc(pointer, layout, size)
    }
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[derive(Clone, Copy)]
enum Workload {
    Insert,
    Select,
    Batch,
    /// Rows that own their text.
    Page,
    /// Rows that borrow their text from the page; none is kept.
    Columns,
}

struct Client {
    session: Session,
    insert: PreparedStatement,
    select: PreparedStatement,
    page: PreparedStatement,
    batch: Batch,
}

type Error = Box<dyn std::error::Error + Send + Sync>;

impl Client {
    async fn open(address: &str) -> Result<Self, Error> {
        let session = SessionBuilder::new()
            .known_node(address)
            .fetch_schema_metadata(false)
            .pool_size(PoolSize::PerHost(NonZeroUsize::new(1).unwrap()))
            .build()
            .await?;
        let insert = session.prepare(INSERT).await?;
        let mut batch = Batch::new(BatchType::Unlogged);
        for _ in 0..BATCH_ROWS {
            batch.append_statement(insert.clone());
        }
        let select = session.prepare(SELECT).await?;
        let mut page = session.prepare(PAGE).await?;
        page.set_page_size(PAGE_ROWS as i32);
        Ok(Self { session, insert, select, page, batch })
    }

    async fn run(&self, workload: Workload, i: i64) -> Result<(), Error> {
        match workload {
            Workload::Insert => {
                let values = (i, NAME, (i & 0xffff) as i32, 1.5f64, AT);
                self.session.execute_unpaged(&self.insert, values).await?;
            }
            Workload::Select => {
                let result = self.session.execute_unpaged(&self.select, (i % SELECT_IDS,)).await?;
                let rows = result.into_rows_result()?;
                let row = rows.first_row::<(i64, String, i32, f64, CqlTimestamp)>()?;
                std::hint::black_box(row);
            }
            Workload::Batch => {
                let values: Vec<_> = (0..BATCH_ROWS).map(|row| (i, NAME, row, 1.5f64, AT)).collect();
                self.session.batch(&self.batch, values).await?;
            }
            Workload::Page => {
                let rows = self.page().await?;
                let rows: Vec<_> = rows
                    .rows::<(i64, String, i32, f64, CqlTimestamp, Uuid)>()?
                    .collect::<Result<_, _>>()?;
                assert_eq!(rows.len() as u64, PAGE_ROWS);
                std::hint::black_box(rows);
            }
            Workload::Columns => {
                let rows = self.page().await?;
                for row in rows.rows::<(i64, &str, i32, f64, CqlTimestamp, Uuid)>()? {
                    std::hint::black_box(row?);
                }
            }
        }
        Ok(())
    }

    async fn page(&self) -> Result<scylla::response::query_result::QueryRowsResult, Error> {
        let (result, _) = self
            .session
            .execute_single_page(&self.page, (-1i64,), PagingState::start())
            .await?;
        Ok(result.into_rows_result()?)
    }
}

/// CPU time of this process, in nanoseconds.
fn cpu_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// CPU time of the responder, which has one thread, in nanoseconds.
fn responder_ns() -> u64 {
    let Ok(pid) = std::env::var("RESPONDER_PID") else { return 0 };
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0)
}

fn rss_mb() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = text.split(' ').nth(1).and_then(|one| one.parse().ok()).unwrap_or(0);
    pages * 4_096 >> 20
}

struct Window {
    count: u64,
    seconds: f64,
    cpu_ns: u64,
    responder_ns: u64,
}

type Latencies = Rc<RefCell<Vec<u32>>>;

/// Keeps `in_flight` operations in flight for one window.
async fn window(
    client: &Rc<Client>,
    workload: Workload,
    in_flight: usize,
    next: &Rc<Cell<i64>>,
    latencies: Option<&Latencies>,
) -> Result<Window, Error> {
    let start = Instant::now();
    let (cpu, responder) = (cpu_ns(), responder_ns());
    let count = Rc::new(Cell::new(0u64));
    let mut workers: Vec<tokio::task::JoinHandle<Result<(), Error>>> = Vec::new();
    for _ in 0..in_flight {
        let (client, next, count) = (client.clone(), next.clone(), count.clone());
        let latencies = latencies.cloned();
        let worker: Pin<Box<dyn Future<Output = Result<(), Error>>>> = Box::pin(async move {
            let mut now = Instant::now();
            while now - start < WINDOW {
                let i = next.get();
                next.set(i + 1);
                client.run(workload, i).await?;
                count.set(count.get() + 1);
                let end = Instant::now();
                if let Some(latencies) = &latencies {
                    latencies.borrow_mut().push((end - now).as_micros() as u32);
                }
                now = end;
            }
            Ok(())
        });
        workers.push(tokio::task::spawn_local(worker));
    }
    for worker in workers {
        worker.await??;
    }
    Ok(Window {
        count: count.get(),
        seconds: start.elapsed().as_secs_f64(),
        cpu_ns: cpu_ns() - cpu,
        responder_ns: responder_ns() - responder,
    })
}

async fn measure(client: &Rc<Client>, step: &str) -> Result<(), Error> {
    let (name, in_flight) = step.split_once(':').ok_or("workload:inFlight")?;
    let in_flight: usize = in_flight.parse()?;
    let (workload, rows) = match name {
        "insert" => (Workload::Insert, 1),
        "select" => (Workload::Select, 1),
        "batch" => (Workload::Batch, BATCH_ROWS as u64),
        "page" => (Workload::Page, PAGE_ROWS),
        "columns" => (Workload::Columns, PAGE_ROWS),
        _ => return Err(format!("unknown workload {name}").into()),
    };
    let next = Rc::new(Cell::new(0));
    let (mut per_second, mut cpu_us, mut responder) = (0.0, f64::INFINITY, 0.0);
    for _ in 0..WINDOWS {
        let one = window(client, workload, in_flight, &next, None).await?;
        let items = (one.count * rows) as f64;
        cpu_us = f64::min(cpu_us, one.cpu_ns as f64 / 1_000.0 / items);
        if items / one.seconds > per_second {
            per_second = items / one.seconds;
            responder = one.responder_ns as f64 / 1e9 / one.seconds;
        }
    }
    let latencies: Latencies = Rc::new(RefCell::new(Vec::with_capacity(1 << 20)));
    window(client, workload, in_flight, &next, Some(&latencies)).await?;
    ALLOCATED.store(0, Relaxed);
    COUNTING.store(true, Relaxed);
    let counted = window(client, workload, in_flight, &next, None).await?;
    COUNTING.store(false, Relaxed);
    let mut sorted = latencies.take();
    sorted.sort_unstable();
    let at = |part: f64| sorted[((sorted.len() - 1) as f64 * part) as usize];
    println!(
        "{{\"client\":\"scylla (Rust, one thread)\",\"workload\":\"{name}\",\"inFlight\":{in_flight},\
         \"perSecond\":{per_second:.0},\"cpuUs\":{cpu_us:.3},\"p50Us\":{},\"p99Us\":{},\
         \"allocatedBytes\":{},\"rssMb\":{},\"responderShare\":{responder:.2}}}",
        at(0.5),
        at(0.99),
        ALLOCATED.load(Relaxed) / (counted.count * rows),
        rss_mb(),
    );
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (address, steps) = arguments.split_first().ok_or("an address is missing")?;
    LocalSet::new()
        .run_until(async {
            let client = Rc::new(Client::open(address).await?);
            for step in steps {
                measure(&client, step).await?;
            }
            Ok(())
        })
        .await
}
