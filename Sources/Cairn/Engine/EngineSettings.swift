// What the settings by name mean to each stage.

extension FlowSettings {
    init(_ settings: Settings) {
        self.init()
        memcap = settings.byteCount("flow.memcap")
        prealloc = settings.integer("flow.prealloc")
        usesVLAN = settings.bool("vlan.use-for-tracking")
        otherTimeouts = Timeouts(settings, "default")
        tcpTimeouts = Timeouts(settings, "tcp")
        udpTimeouts = Timeouts(settings, "udp", closed: 0)
        icmpTimeouts = Timeouts(settings, "icmp", closed: 0)
    }
}

extension FlowSettings.Timeouts {
    init(_ settings: Settings, _ name: String, closed: Int? = nil) {
        func seconds(_ state: String) -> Int {
            Int(settings.nanoseconds("flow-timeouts.\(name).\(state)") / nanosecondsPerSecond)
        }
        self.init(
            new: seconds("new"), established: seconds("established"),
            closed: closed ?? seconds("closed"))
    }
}

extension StreamSettings {
    init(_ settings: Settings) {
        self.init()
        midstream = settings.bool("stream.midstream")
        asyncOneside = settings.bool("stream.async-oneside")
        memcap = settings.byteCount("stream.memcap")
        reassemblyMemcap = settings.byteCount("stream.reassembly.memcap")
        depth = settings.byteCount("stream.reassembly.depth")
        synackQueuedMax = settings.integer("stream.max-synack-queued")
        urgentPolicy =
            settings.text("stream.reassembly.urgent.policy").flatMap(UrgentPolicy.init) ?? .inline
        for system in OverlapPolicy.allCases {
            hostPolicies.networks += settings.hosts(of: system.name).compactMap {
                HostPolicies.Entry(network: $0, policy: system)
            }
        }
    }
}

extension DecoderSettings {
    init(_ settings: Settings, _ checksums: ChecksumMode) {
        self.init()
        self.checksums = checksums
        layerCountMax = settings.integer("decoder.max-layers")
        decodesIPv4InIPv4 = settings.bool("decoder.ipv4.ipip.enabled")
        let variables = RuleVariables(settings)
        func ports(_ tunnel: String) -> [UInt16] {
            guard settings.bool("decoder.\(tunnel).enabled"),
                let text = settings.text("decoder.\(tunnel).ports"),
                let set = try? variables.portSet(text)
            else { return [] }
            return set.included.flatMap { $0 }.filter { port in
                !set.excluded.contains { $0.contains(port) }
            }
        }
        tunnelPorts = TunnelPorts(
            vxlan: ports("vxlan"), geneve: ports("geneve"), teredo: ports("teredo"))
    }
}

extension DefragmentationSettings {
    init(_ settings: Settings) {
        self.init()
        trackerCountMax = settings.integer("defrag.trackers")
        memoryByteCountMax = settings.byteCount("defrag.memcap")
        timeoutNanoseconds = settings.nanoseconds("defrag.timeout")
        usesVLAN = settings.bool("vlan.use-for-tracking")
        for system in OverlapPolicy.allCases {
            guard let policy = DefragmentationPolicy(operatingSystem: system.name) else { continue }
            policies += settings.hosts(of: system.name).map { ($0, policy) }
        }
    }
}

extension Settings {
    /// The networks of `host-os-policy` that behave like a system.
    fileprivate func hosts(of system: String) -> [IPNetwork] {
        list("host-os-policy.\(system)").compactMap(IPNetwork.init)
    }
}

extension Protocols {
    /// The protocols that are switched on (`app-layer.protocols.NAME.enabled`).
    static func enabled(_ settings: Settings) -> [ProtocolDefinition] {
        all.filter { definition in
            let name = "app-layer.protocols.\(definition.name).enabled"
            return Setting.named(name) == nil || settings.text(name) != "no"
        }
    }
}

extension ProtocolLimits {
    init(_ settings: Settings) {
        self.init()
        let prefix = "app-layer.protocols.http.libhtp.default-config."
        func limit(_ name: String) -> Int {
            let value = settings.byteCount(prefix + name)
            return value == 0 ? .max : value
        }
        requestBodyByteCountMax = limit("request-body-limit")
        responseBodyByteCountMax = limit("response-body-limit")
        decompressionLayerCountMax = settings.integer(
            prefix + "response-body-decompress-layer-limit")
        decompressedByteCountMax = settings.byteCount(prefix + "compression-bomb-limit")
        openTransactionCountMax = settings.integer("app-layer.max-transactions")
        decodesPathTwice = settings.bool(prefix + "double-decode-path")
        decodesQueryTwice = settings.bool(prefix + "double-decode-query")
        headersByteCountMax = settings.byteCount("app-layer.header-limit")
    }
}

extension CorrelationSettings {
    init(_ options: EngineOptions) {
        self.init(options.settings, finalRecordsOnly: options.finalIncidentsOnly)
    }

    init(_ settings: Settings, finalRecordsOnly: Bool = false) {
        self.init()
        writesFinalRecordsOnly = finalRecordsOnly
        latenessNanoseconds = settings.nanoseconds("lateness")
        memoryByteCountMax = settings.byteCount("correlation.memcap")
        incidentGapNanoseconds = settings.nanoseconds("incident.gap")
        incidentDurationMaxNanoseconds = settings.nanoseconds("incident.max-duration")
        openIncidentCountMax = settings.integer("incident.max-open")
        signalLevelMin = settings.text("incident.min-level").flatMap(Level.init(name:)) ?? .low
        pivotLevelMin = settings.text("incident.pivot-level").flatMap(Level.init(name:)) ?? .high
        sharedHosts = settings.list("incident.shared").compactMap(IPNetwork.init)
        signalsListedMax = settings.integer("incident.evidence")
    }
}

extension MatchSettings {
    init(_ options: EngineOptions) {
        self.init()
        regexMatchLimit = options.settings.integer("pcre.match-limit")
        regexDepthLimit = options.settings.integer("pcre.match-limit-recursion")
        recursionLimit = options.settings.integer("detect.inspection-recursion-limit")
        isExhaustive = options.settings.bool("detect.exhaustive")
        countryDatabasePath = options.settings.text("geoip-database")
        reputations = HostReputations(options.settings)
        sets = SetSettings(options.settings)
        alertCountMax = options.settings.integer("packet-alert-max")
        actionOrder = ActionOrder(
            options.settings.list("action-order").compactMap(RuleAction.init(rawValue:)))
        writesEvents = options.writesAlerts
    }
}
