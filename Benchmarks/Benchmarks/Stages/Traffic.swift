@testable import Cairn

/// What two hosts say to each other.
struct Conversation {
    var isTCP = true
    var client: PacketBuilder.Endpoint
    var server: PacketBuilder.Endpoint
    var turns: [TrafficWriter.Turn]
}

/// Conversations as hosts have them, the same on every machine.
enum Traffic {
    /// Connections from 200 clients to 40 web servers with four exchanges each; every eighth
    /// response is a page of 20,000 bytes.
    ///
    /// - Parameter paths: every twentieth request asks for the next of them, if there are any.
    static func web(_ count: Int, paths: [String] = []) -> [Conversation] {
        var random = Generator(seed: 1)
        return (0..<count).map { number in
            let turns = (0..<4).flatMap { exchange in
                var http = request(&random)
                let index = 4 * number + exchange
                if index % 20 == 0, !paths.isEmpty { http.uri = paths[index / 20 % paths.count] }
                let byteCount = index % 8 == 0 ? 20_000 : 300 + random.below(2700)
                http.responseBody = page(&random, byteCount: byteCount)
                return MessageBuilder.http(http)
            }
            return Conversation(
                client: client(number), server: server(number, port: 80), turns: turns)
        }
    }

    private static func request(_ random: inout Generator) -> TestHTTP {
        var http = TestHTTP()
        http.uri = "/\(random.word())/\(random.word()).php?id=\(random.below(100_000))"
        http.uri += "&\(random.word())=\(random.word())+\(random.word())"
        http.host = "\(random.word()).\(random.word()).example"
        http.headers = [
            (
                "User-Agent",
                "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
            ),
            ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
            ("Accept-Language", "en-US,en;q=0.5"), ("Accept-Encoding", "gzip, deflate"),
            ("Referer", "http://\(random.word()).example/\(random.word())"),
            ("Cookie", "session=\(random.hexadecimal(32)); theme=\(random.word())"),
        ]
        http.status = 200
        http.responseHeaders = [
            ("Date", "Thu, 01 Jan 2026 00:00:00 GMT"), ("Server", "nginx/1.24.0"),
            ("Content-Type", "text/html; charset=utf-8"), ("ETag", "\"\(random.hexadecimal(16))\""),
        ]
        return http
    }

    /// HTML of some length.
    static func page(_ random: inout Generator, byteCount: Int) -> [UInt8] {
        var text = "<!DOCTYPE html><html><body>"
        while text.utf8.count < byteCount {
            text += "<p class=\"\(random.word())\">\(random.word()) \(random.word()) "
            text += "<a href=\"/\(random.word())/\(random.below(1000))\">\(random.word())</a></p>\n"
        }
        return Array(text.utf8.prefix(byteCount))
    }

    /// Queries of 200 clients for addresses, each answered with two.
    static func names(_ count: Int) -> [Conversation] {
        var random = Generator(seed: 2)
        return (0..<count).map { number in
            var dns = TestDNS(query: random.hostName())
            dns.answers = ["203.0.113.\(random.below(256))", "203.0.113.\(random.below(256))"]
            let turns = MessageBuilder.dns(dns, identifier: UInt16(truncatingIfNeeded: number))
            return Conversation(
                isTCP: false, client: client(number), server: server(0, port: 53),
                turns: turns ?? [])
        }
    }

    /// TLS 1.2 handshakes with a certificate, then 4,000 encrypted bytes from the server.
    static func handshakes(_ count: Int) -> [Conversation] {
        var random = Generator(seed: 3)
        return (0..<count).map { number in
            var tls = TestTLS(serverName: random.hostName())
            tls.applicationProtocols = ["h2", "http/1.1"]
            tls.subject = tls.serverName
            tls.issuer = "Example \(random.word()) CA"
            let record = [23, 3, 3] + bigEndian(UInt16(3995)) + random.bytes(3995)
            return Conversation(
                client: client(number), server: server(number, port: 443),
                turns: MessageBuilder.tls(tls) + [.init(direction: .toClient, bytes: record)])
        }
    }

    /// Web, names and handshakes as 4 : 40 : 5, with pings and datagrams that are sent in
    /// fragments.
    static func mixed(_ count: Int, paths: [String] = []) -> TrafficWriter {
        var writer = writer(
            web(4 * count, paths: paths) + names(40 * count) + handshakes(5 * count))
        for number in 0..<count {
            let (client, server) = (client(number), server(number, port: 4789))
            let time = start(number)
            writer.ping(
                client: client.address, server: server.address,
                payload: Array(repeating: 0x61, count: 56), answers: true, at: time)
            let bytes = [UInt8](repeating: 0x62, count: 4000)
            writer.udp(
                client: client, server: .init(address: server.address, port: 9),
                turns: [.init(direction: .toServer, bytes: bytes)], at: time)
        }
        return writer
    }

    /// The frames of conversations, of which one begins every millisecond.
    static func writer(_ conversations: [Conversation]) -> TrafficWriter {
        var writer = TrafficWriter()
        for (number, conversation) in conversations.enumerated() {
            let (client, server) = (conversation.client, conversation.server)
            if conversation.isTCP {
                writer.tcp(
                    client: client, server: server, turns: conversation.turns, at: start(number))
            } else {
                writer.udp(
                    client: client, server: server, turns: conversation.turns, at: start(number))
            }
        }
        return writer
    }

    private static func start(_ number: Int) -> Timestamp {
        testStart.adding(nanoseconds: Int64(number) * 1_000_000)
    }

    private static func client(_ number: Int) -> PacketBuilder.Endpoint {
        .init(
            address: IPAddress(v4: 0x0a00_0001 + UInt32(number % 200)),
            port: UInt16(32_768 + number / 200 % 28_000))
    }

    private static func server(_ number: Int, port: UInt16) -> PacketBuilder.Endpoint {
        .init(address: IPAddress(v4: 0xc000_0201 + UInt32(number % 40)), port: port)
    }
}

/// Frames in memory of their own, in time order.
final class Frames {
    private let arena = Arena()
    private(set) var frames: [Frame] = []

    init(_ writer: TrafficWriter) {
        for frame in writer.framesInTimeOrder {
            let memory = arena.allocate(byteCount: frame.bytes.count)
            memory.copyBytes(from: frame.bytes)
            frames.append(
                Frame(
                    number: UInt64(frames.count + 1), timestamp: frame.timestamp,
                    linkType: .ethernet, source: 0,
                    originalByteCount: UInt32(frame.bytes.count),
                    bytes: UnsafeRawBufferPointer(memory)))
        }
    }

    /// Lets every fourth pair of neighbouring data segments of one direction change places.
    func disorder() {
        let decoded = Packets(self)
        var pairCount = 0
        for index in 0..<frames.count - 1 {
            let (one, other) = (decoded[index], decoded[index + 1])
            guard one.transport == .tcp, one.payloadByteCount > 0, other.payloadByteCount > 0,
                one.sourcePort == other.sourcePort, one.sourceAddress == other.sourceAddress,
                one.destinationAddress == other.destinationAddress
            else { continue }
            pairCount += 1
            if pairCount % 4 == 0 {
                (frames[index].bytes, frames[index + 1].bytes) = (
                    frames[index + 1].bytes, frames[index].bytes
                )
            }
        }
    }
}

/// The packets of frames.
final class Packets {
    private let frames: Frames
    private let arena = Arena()
    private let batch = PacketBatch()

    init(_ frames: Frames) {
        self.frames = frames
        let assembler = PacketAssembler()
        for frame in frames.frames {
            assembler.decode(frame, clock: frame.timestamp, arena: arena, into: batch)
        }
    }

    var count: Int { batch.count }
    var pointers: UnsafeMutablePointer<Packet> { batch.packets }
    subscript(index: Int) -> Packet { batch.packets[index] }
}

/// Numbers that look random and are the same everywhere (SplitMix64).
struct Generator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }

    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }

    mutating func word() -> String { Self.words[below(Self.words.count)] }

    mutating func hexadecimal(_ count: Int) -> String {
        String(
            decoding: (0..<count).map { _ in Array("0123456789abcdef".utf8)[below(16)] },
            as: UTF8.self)
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }

    mutating func hostName() -> String { "\(word()).\(word())-\(word()).example" }

    private static let words = """
        about account action admin album anchor answer api archive article asset audio author \
        autumn back banner basket bird blog board book border branch bridge bright browse \
        bundle button buy cache calendar camera card cart catalog category channel chart chat \
        check city class client cloud code color column comment common compare config contact \
        content cookie corner count country coupon cover create current custom daily dark data \
        date default delivery demo design detail device digital direct discount display \
        document domain door download draft drive early east edit editor email empty engine \
        english entry error event example export family fast feature feed field file filter \
        final find first flight flower folder font footer form forum forward free friend front \
        gallery game garden gate general gift global gold green group guest guide hand header \
        health help hidden history holiday home hotel house icon image import index info inner \
        input insert item job join journal json jump key kitchen label lamp language last \
        latest layout left letter level library light like line link list live local login \
        logo logout long mail main manage map market master match media member menu message \
        meta mobile mode model month more morning mountain move movie music name native news \
        next night normal north note notice number object offer office old online open option \
        orange order other outer overview page panel paper parent park part partner pass path \
        pay people phone photo place plain plan player plugin point poll popular post premium \
        press price print privacy private process product profile project public purple query \
        question quick quote random range rate read recent record red region register related \
        remote reply report request reset result return review rich right ring river road room \
        root round rule sale sample save school score script search season second section \
        secure select send server service session set setting share ship shop short show side \
        sign simple site size sky slide small social sort source south space special sport \
        spring square stage star start state static station status step stock store story \
        stream street strong style submit summer summit sun super support survey switch system \
        table tag target task team template term test text theme thread ticket time title \
        today token tool topic total tour track trade train travel tree trial type under unit \
        update upload url user valid value vendor version video view village visit voice wall \
        watch water wave weather web week west white wide widget wiki wind window winter wish \
        wood word work world write yard year yellow young zone
        """.split(separator: " ").map(String.init)
}
