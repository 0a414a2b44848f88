import Testing

@testable import Cairn

/// What is odd when the directions of a flow do not speak the same.
@Suite struct ProtocolAnomalyTests {
    /// Who says what, in order, each piece of bytes by itself; oddities in order, empty for none.
    private static func anomalies(_ pieces: [(Direction, String)]) -> [[String]] {
        let sessions = ProtocolSessions()
        let output = ParserOutput()
        var flow = Flow()
        flow.transport = .tcp
        (flow.clientPort, flow.serverPort) = (40_000, 4000)
        return withUnsafeMutablePointer(to: &flow) { flow in
            let found = pieces.map { direction, text in
                Array(text.utf8).withUnsafeBytes {
                    sessions.consume(
                        StreamChunk(kind: .data, direction: direction, offset: 0, bytes: $0),
                        flow: flow, output: output)
                }
                output.drain()
                let set = sessions.takeAnomalies(of: flow)
                return ProtocolAnomaly.allCases.filter(set.contains).map { "\($0)" }
            }
            sessions.finish(flow, output: output)
            sessions.release(flow)
            return found
        }
    }

    private static let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    private static let response = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    @Test func `nothing is odd where both speak the same`() {
        #expect(
            Self.anomalies([(.toServer, Self.request), (.toClient, Self.response)]) == [[], []])
        #expect(
            Self.anomalies([
                (.toServer, Self.request), (.toClient, "H"), (.toClient, "TTP/1.1 200 OK\r\n"),
            ]) == [[], [], []])
        #expect(
            Self.anomalies([(.toClient, "SSH-2.0-a\r\n"), (.toServer, "SSH-2.0-b\r\n")])
                == [[], []])
    }

    @Test func `each direction speaks another protocol`() {
        #expect(
            Self.anomalies([
                (.toServer, Self.request), (.toClient, "SSH-2.0-a\r\n"), (.toClient, "x"),
            ]) == [[], ["mismatchBothDirections"], []])
    }

    @Test func `an answer that nobody knows is odd once it is long enough`() {
        #expect(
            Self.anomalies([
                (.toServer, Self.request), (.toClient, "<html> "), (.toClient, "x"),
                (.toClient, "x"),
            ]) == [[], [], ["onlyOneDirection"], []])
    }

    @Test func `a greeting that nobody knows is odd when the client decides`() {
        #expect(
            Self.anomalies([
                (.toClient, "220 ftp.example ready\r\n"), (.toServer, "USER a\r\n"),
                (.toClient, "331 go on\r\n"),
            ]) == [[], ["onlyOneDirection"], []])
    }

    @Test func `a request that nobody knows leaves its response alone`() {
        let unknown = "BREW /pot-of-the-house HTCPCP/1.0\r\n\r\n"
        #expect(
            Self.anomalies([(.toServer, unknown), (.toClient, Self.response)])
                == [[], ["onlyOneDirection"]])
        #expect(
            Self.anomalies([(.toServer, "BREW /\r\n"), (.toClient, Self.response)]) == [[], []])
    }

    @Test func `much that nobody knows or answers is given up`() {
        let block = String(repeating: "x", count: 60_000)
        #expect(
            Self.anomalies([(.toClient, block), (.toClient, block), (.toClient, block)])
                == [[], ["detectionSkipped"], []])
        #expect(
            Self.anomalies([(.toServer, "?"), (.toClient, block), (.toClient, block)])
                == [[], [], []])
    }

    @Test func `what follows STARTTLS is to be TLS`() {
        let opening: [(Direction, String)] = [
            (.toClient, "220 a ESMTP\r\n"), (.toServer, "EHLO b\r\n"), (.toClient, "250 a\r\n"),
            (.toServer, "STARTTLS\r\n"), (.toClient, "220 go\r\n"),
        ]
        #expect(
            Self.anomalies(opening + [(.toServer, Self.request)]).last
                == ["noTLSAfterSTARTTLS", "unexpectedProtocol"])
    }

    @Test(arguments: ProtocolAnomaly.allCases)
    func `every one has a name`(anomaly: ProtocolAnomaly) {
        #expect(ProtocolAnomaly(name: anomaly.name.description) == anomaly)
    }
}
