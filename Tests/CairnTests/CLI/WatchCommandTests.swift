import Foundation
import Testing

@testable import Cairn

#if os(Linux)
    /// `cairn watch` as another user, on an interface in a network of the test's own.
    @Suite(.enabled(if: PrivateNetwork.isAvailable, "needs root, network namespaces and ip(8)"))
    struct WatchCommandTests {
        /// The folder `open` is the user's, `shut` is root's. What is moved away in both is opened
        /// again where that can be, then in `shut` too, where a file was made for the user.
        private static let script = """
            cd "$2"
            chmod 755 .
            mkdir open shut
            chown nobody open
            until_() { for i in $(seq 200); do if eval "$1"; then return; fi; sleep 0.1; done; exit 9; }
            "$1" watch cairn0 --user nobody --stats-interval 1 -S rules.yml -o none \\
                --alerts shut/alerts --events open/events --stats shut/stats --write shut/seen \\
                2>errors &
            until_ '[ -s open/events ] && grep -q "^Uid:.*\\\\b$(id -u nobody)\\\\b" /proc/$!/status'
            mv open/events open/old
            mv shut/alerts shut/old
            kill -HUP $!
            until_ '[ -s open/events ]'
            stat -c '%U %n' open/* shut/*
            echo "$(grep -c 'cannot open' errors) warning"
            touch shut/alerts
            chown nobody shut/alerts
            kill -HUP $!
            sleep 1
            kill -INT $!
            wait $!
            echo "exit $?"
            for file in */*; do [ -s $file ] && echo "$file has something"; done
            """

        @Test func `rotation of outputs does not end a capture of another user`() throws {
            let folder = TemporaryFolder()
            folder.write(
                "rules.yml",
                "title: T\nlogsource: {service: http}\ndetection: {s: abc, condition: s}\n")
            let run = try PrivateNetwork.run { _ in
                try Command.run(["sh", "-c", Self.script, "sh", Command.path, folder.path])
            }
            #expect(
                run.output == """
                    nobody open/events
                    nobody open/old
                    nobody shut/old
                    nobody shut/seen
                    nobody shut/stats
                    1 warning
                    exit 0
                    open/events has something
                    open/old has something
                    shut/alerts has something
                    shut/seen has something
                    shut/stats has something

                    """)
            let errors = String(decoding: folder.read("errors"), as: UTF8.self)
            #expect(
                errors.contains(
                    "warning: cannot open shut/alerts again: Permission denied; user nobody needs "
                        + "the right to make files in its folder. What follows is written to the "
                        + "file that was moved away"), "\(errors)")
        }

        @Test func `what a link leads to is not given away`() throws {
            let folder = TemporaryFolder()
            folder.write("target", "")
            let path = folder.path
            _ = try Command.run(["ln", "-s", "target", "\(path)/link"])
            _ = try Command.run(["ln", "\(path)/target", "\(path)/second"])
            for name in ["link", "second", "own"] {
                let writer = try LineWriter(path: "\(path)/\(name)")
                writer.give(to: "nobody")
            }
            let owners = try Command.run(
                ["stat", "-c", "%U", "\(path)/target", "\(path)/second", "\(path)/own"])
            #expect(owners.output == "root\nroot\nnobody\n")
        }
    }
#endif
