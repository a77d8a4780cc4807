//! Nodes that answer at once, faster than any client asks. Arguments: a file of answers (see
//! answers.ts), the number of nodes, the highest protocol version they speak, and the certificate and key
//! (DER) of TLS. Prints the port. A connection that begins with a TLS handshake is served over TLS.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;
use tokio_rustls::TlsAcceptor;

type Error = Box<dyn std::error::Error + Send + Sync>;

const HEADER: usize = 9;
const COMPRESSED: u8 = 1;
const ERROR: u8 = 0x00;
const STARTUP: u8 = 0x01;
const EXECUTE: u8 = 0x0a;
/// A segment of protocol v5 holds at most 128 KiB − 1 of frames (native_protocol_v5.spec §2.2).
const SEGMENT_MAX: usize = 131_071;
const TLS_HANDSHAKE: u8 = 0x16;

/// One kind of request, and the body that answers it.
struct Answer {
    node: usize,
    opcode: u8,
    /// Bytes that the body of the request contains.
    contains: Vec<u8>,
    reply_opcode: u8,
    body: Vec<u8>,
    compressed: Vec<u8>,
}

struct Answers {
    list: Vec<Answer>,
    /// By node and first byte of a statement id, for EXECUTE.
    by_id: HashMap<(usize, u8), usize>,
    version: u8,
}

fn bytes_of_hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).expect("hex")).collect()
}

/// `<length:int>` of what was compressed comes first, as in protocol v4.
fn compress(body: &[u8]) -> Vec<u8> {
    let mut bytes = (body.len() as u32).to_be_bytes().to_vec();
    bytes.extend(lz4_flex::block::compress(body));
    bytes
}

impl Answers {
    fn read(path: &str, version: u8) -> Result<Self, Error> {
        let mut list = Vec::new();
        for line in std::fs::read_to_string(path)?.lines() {
            let [node, opcode, contains, reply_opcode, body]: [&str; 5] =
                line.split('\t').collect::<Vec<_>>().try_into().map_err(|_| "five fields")?;
            let body = bytes_of_hex(body);
            list.push(Answer {
                node: node.parse()?,
                opcode: opcode.parse()?,
                contains: bytes_of_hex(contains),
                reply_opcode: reply_opcode.parse()?,
                compressed: compress(&body),
                body,
            });
        }
        let executes = list.iter().enumerate().filter(|(_, one)| one.opcode == EXECUTE);
        let by_id = executes.map(|(i, one)| ((one.node, one.contains[0]), i)).collect();
        Ok(Self { list, by_id, version })
    }

    fn find(&self, node: usize, opcode: u8, body: &[u8]) -> &Answer {
        if opcode == EXECUTE {
            return &self.list[self.by_id[&(node, body[2])]];
        }
        let contains = |part: &[u8]| part.is_empty() || body.windows(part.len()).any(|one| one == part);
        self.list
            .iter()
            .find(|one| one.node == node && one.opcode == opcode && contains(&one.contains))
            .unwrap_or_else(|| panic!("no answer to opcode {opcode}: {}", String::from_utf8_lossy(body)))
    }
}

/// What one connection has negotiated.
struct Connection {
    answers: Rc<Answers>,
    node: usize,
    is_compressed: bool,
    has_segments: bool,
    /// Version of the last request, which is the version of its answer.
    version: u8,
}

impl Connection {
    fn header(&self, out: &mut Vec<u8>, flags: u8, stream: [u8; 2], opcode: u8, length: usize) {
        out.extend([0x80 | self.version, flags, stream[0], stream[1], opcode]);
        out.extend((length as u32).to_be_bytes());
    }

    /// Answers every complete frame of `input`. Returns the bytes that were consumed.
    fn frames(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        let mut at = 0;
        while input.len() - at >= HEADER {
            let head = &input[at..at + HEADER];
            let stream = [head[2], head[3]];
            self.version = head[0].min(self.answers.version);
            if head[0] > self.answers.version {
                let message = b"Invalid or unsupported protocol version";
                let mut body = vec![0, 0, 0, 0x0a, 0, message.len() as u8];
                body.extend(message);
                self.header(out, 0, stream, ERROR, body.len());
                out.extend(body);
                return input.len();
            }
            let length = u32::from_be_bytes(head[5..9].try_into().unwrap()) as usize;
            if input.len() - at - HEADER < length {
                break;
            }
            let raw = &input[at + HEADER..at + HEADER + length];
            let plain;
            let body = if head[1] & COMPRESSED == 0 {
                raw
            } else {
                let size = u32::from_be_bytes(raw[..4].try_into().unwrap()) as usize;
                plain = lz4_flex::block::decompress(&raw[4..], size).expect("LZ4");
                &plain[..]
            };
            self.answer(head[4], stream, body, out);
            at += HEADER + length;
            if head[4] == STARTUP {
                // What follows is in segments, so it cannot be in the same packet.
                self.has_segments = self.version >= 5;
                self.is_compressed = body.windows(3).any(|one| one == b"lz4");
            }
        }
        at
    }

    fn answer(&self, opcode: u8, stream: [u8; 2], body: &[u8], out: &mut Vec<u8>) {
        let answer = self.answers.find(self.node, opcode, body);
        let (flags, bytes) = if self.is_compressed && self.version < 5 {
            (COMPRESSED, &answer.compressed)
        } else {
            (0, &answer.body)
        };
        self.header(out, flags, stream, answer.reply_opcode, bytes.len());
        out.extend(bytes);
    }

    /// Takes the complete segments of `input` apart. Returns the bytes that were consumed.
    fn segments(&self, input: &[u8], frames: &mut Vec<u8>) -> usize {
        let mut at = 0;
        while input.len() - at >= 6 {
            let head = u32::from_le_bytes(input[at..at + 4].try_into().unwrap());
            let length = (head & 0x1_ffff) as usize;
            if input.len() - at < 6 + length + 4 {
                break;
            }
            frames.extend(&input[at + 6..at + 6 + length]);
            at += 6 + length + 4;
        }
        at
    }
}

/// CRC24 of a segment's header (native_protocol_v5.spec §2.2.1).
fn crc24(header: u32) -> u32 {
    let mut crc = 0x87_5060u32;
    for i in 0..3 {
        crc ^= ((header >> (8 * i)) & 0xff) << 16;
        for _ in 0..8 {
            crc <<= 1;
            if crc & 0x100_0000 != 0 {
                crc ^= 0x197_4f0b;
            }
        }
    }
    crc & 0xff_ffff
}

/// CRC32 of a payload, seeded with fa 2d 55 ca (native_protocol_v5.spec §2.2.2).
fn crc32(tables: &[[u32; 256]; 8], payload: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| tables[0][((crc ^ *byte as u32) & 0xff) as usize] ^ (crc >> 8);
    let mut crc = [0xfau8, 0x2d, 0x55, 0xca].iter().fold(!0u32, step);
    let mut chunks = payload.chunks_exact(8);
    for one in &mut chunks {
        let low = crc ^ u32::from_le_bytes(one[..4].try_into().unwrap());
        crc = (0..4).fold(0, |sum, i| sum ^ tables[7 - i][((low >> (8 * i)) & 0xff) as usize])
            ^ (4..8).fold(0, |sum, i| sum ^ tables[7 - i][one[i] as usize]);
    }
    !chunks.remainder().iter().fold(crc, step)
}

fn crc32_tables() -> [[u32; 256]; 8] {
    let mut tables = [[0u32; 256]; 8];
    for i in 0..256 {
        let mut crc = i as u32;
        for _ in 0..8 {
            crc = if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
        }
        tables[0][i] = crc;
    }
    for i in 0..256 {
        for level in 1..8 {
            let before = tables[level - 1][i];
            tables[level][i] = tables[0][(before & 0xff) as usize] ^ (before >> 8);
        }
    }
    tables
}

/// Puts frames into segments. Only a frame that is alone may be cut.
fn write_segments(tables: &[[u32; 256]; 8], frames: &[u8], out: &mut Vec<u8>) {
    let mut start = 0;
    while start < frames.len() {
        let mut end = start;
        let length_of =
            |at: usize| HEADER + u32::from_be_bytes(frames[at + 5..at + 9].try_into().unwrap()) as usize;
        while end < frames.len() && end + length_of(end) - start <= SEGMENT_MAX {
            end += length_of(end);
        }
        let is_whole = end > start;
        if !is_whole {
            end = start + length_of(start);
        }
        for payload in frames[start..end].chunks(SEGMENT_MAX) {
            let header = payload.len() as u32 | if is_whole { 1 << 17 } else { 0 };
            out.extend(&header.to_le_bytes()[..3]);
            out.extend(&crc24(header).to_le_bytes()[..3]);
            out.extend(payload);
            out.extend(crc32(tables, payload).to_le_bytes());
        }
        start = end;
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut socket: S,
    mut connection: Connection,
) -> Result<(), Error> {
    let tables = crc32_tables();
    let mut input = Vec::with_capacity(1 << 20);
    let (mut frames, mut out, mut framed) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        if socket.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
        if connection.has_segments {
            let consumed = connection.segments(&input, &mut frames);
            input.drain(..consumed);
            let consumed = connection.frames(&frames, &mut out);
            frames.drain(..consumed);
            write_segments(&tables, &out, &mut framed);
            socket.write_all(&framed).await?;
            framed.clear();
        } else {
            let consumed = connection.frames(&input, &mut out);
            input.drain(..consumed);
            socket.write_all(&out).await?;
        }
        socket.flush().await?;
        out.clear();
    }
}

async fn accept(socket: TcpStream, tls: TlsAcceptor, connection: Connection) -> Result<(), Error> {
    socket.set_nodelay(true)?;
    let mut first = [0];
    if socket.peek(&mut first).await? == 1 && first[0] == TLS_HANDSHAKE {
        serve(tls.accept(socket).await?, connection).await
    } else {
        serve(socket, connection).await
    }
}

async fn listen(listener: TcpListener, node: usize, answers: Rc<Answers>, tls: TlsAcceptor) {
    while let Ok((socket, _)) = listener.accept().await {
        let answers = answers.clone();
        let connection = Connection { answers, node, is_compressed: false, has_segments: false, version: 4 };
        let tls = tls.clone();
        // A client that closes its connection ends only that connection.
        tokio::task::spawn_local(async move { drop(accept(socket, tls, connection).await) });
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [answers, nodes, version, certificate, key] = &arguments[..] else {
        return Err("arguments: ANSWERS NODES VERSION CERTIFICATE KEY".into());
    };
    let certificates = vec![CertificateDer::from(std::fs::read(certificate)?)];
    let key = PrivateKeyDer::try_from(std::fs::read(key)?)?;
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(certificates, key)?;
    let tls = TlsAcceptor::from(Arc::new(config));
    let answers = Rc::new(Answers::read(answers, version.parse()?)?);
    LocalSet::new()
        .run_until(async {
            let mut port = 0;
            for node in 0..nodes.parse::<usize>()? {
                let listener = TcpListener::bind((format!("127.0.0.{}", node + 1), port)).await?;
                port = listener.local_addr()?.port();
                tokio::task::spawn_local(listen(listener, node, answers.clone(), tls.clone()));
            }
            println!("{port}");
            std::future::pending::<Result<(), Error>>().await
        })
        .await
}
