import Foundation
import Testing

@testable import Cairn

#if os(Linux)
    /// A sample is replayed into an interface of a network of the test's own, and watched there.
    @Suite(.enabled(if: PrivateNetwork.isAvailable, "needs root, network namespaces and ip(8)"))
    struct LiveEngineTests {
        private static let sample = repository.appending(path: "Samples/story/story.pcapng").path

        /// Records by kind, without the members that tell a file from an interface.
        private struct Records: Equatable {
            var alerts: [String] = []
            var incidents: [String] = []

            mutating func add(_ kind: RecordKind, _ lines: ArraySlice<UInt8>) {
                let text = String(decoding: lines, as: UTF8.self)
                    .replacing(/"(?:pcap_filename|in_iface)":"[^"]*",/, with: "")
                if kind == .alert {
                    alerts += text.split(separator: "\n").map(String.init)
                }
                if kind == .incident { incidents.append(text) }
            }

            /// Alerts by rule and 5-tuple, in any order.
            var tuples: [String] {
                alerts.compactMap { JSONValue(parsing: $0.utf8) }.map { alert in
                    ["src_ip", "src_port", "dest_ip", "dest_port"].map { "\(alert[$0] ?? .null)" }
                        .sorted().joined() + (alert["cairn"]?["rule"]?.text ?? "")
                }.sorted()
            }

            /// What the closed incidents say, times and identifiers apart.
            var stories: [[String]] {
                incidents.joined().utf8.split(separator: UInt8(ascii: "\n"))
                    .compactMap { JSONValue(parsing: $0) }
                    .filter { $0["status"]?.text == "closed" }.map { incident in
                        [
                            "\(incident["actors"] ?? .null)", incident["severity"]?.text ?? "",
                            "\((incident["tactics"]?.elements ?? []).map { $0["tactic"]?.text })",
                            "\((incident["rules"]?.elements ?? []).map { $0["id"]?.text }.count)",
                        ]
                    }
            }
        }

        private static func engine() -> Engine {
            var options = EngineOptions()
            options.writesAlerts = true
            options.checksums = .none
            let rules = RuleLoader().load(paths: [repository.appending(path: "Rules").path])
            return Engine(rules: rules, options: options)
        }

        private static func read(_ path: String) throws -> Records {
            var records = Records()
            let report = try engine().run(.captures([path], filter: nil)) { records.add($0, $1) }
            #expect(report.failure == nil)
            return records
        }

        @Test func `what is watched is what is read, and what was written is read the same`() throws
        {
            let folder = TemporaryFolder()
            let written = "\(folder.path)/seen.pcapng"
            let frames = readAll(try openCaptures([Self.sample]) { _ in }).frames
            let watched = try PrivateNetwork.run { network in
                network.command("ip link set cairn0 mtu 65535; ip link set cairn1 mtu 65535")
                var capture = LiveCapture.Options(interface: "cairn0")
                capture.frameCountMax = UInt64(frames.count)
                var input = LiveInput(capture)
                input.writePath = written
                let source = try EngineSource(.interface(input))
                for frame in frames { network.send(frame.bytes) }
                var records = Records()
                let report = Self.engine().run(source) { records.add($0, $1) }
                #expect(report.counters["capture.kernel_drops"] == 0)
                #expect(report.progress.packetCount == UInt64(frames.count))
                return records
            }
            #expect(!watched.alerts.isEmpty)
            #expect(try Self.read(written) == watched)
            let file = try Self.read(Self.sample)
            #expect(watched.tuples == file.tuples)
            #expect(watched.stories == file.stories)
        }
    }
#endif
