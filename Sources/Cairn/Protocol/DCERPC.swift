/// Remote procedure calls of the Distributed Computing Environment, connection-oriented ([C706]
/// chapter 12, [MS-RPCE]): over TCP, and in named pipes over SMB.
///
/// A transaction is a call: a request with its response, a bind with its answer.
enum DCERPC {
    static let definition = ProtocolDefinition(
        name: "dcerpc", summary: "DCE/RPC calls over TCP and SMB ([C706], [MS-RPCE])",
        aliases: ["dce_rpc"],
        fields: [FieldDefinition](rows: callRows + interfaceRows + stubRows),
        anomalies: Anomaly.allCases.map(\.name),
        overTCP: true, ports: [135],
        detect: { start, direction in DCERPCDetection.detect(start, direction) },
        makeParser: { DCERPCParser() })

    /// Indices of `anomalies`.
    enum Anomaly: Int, CaseIterable {
        /// A header, length or list that does not fit its PDU.
        case malformedData
        /// The server sent a request, the client a response.
        case requestToClient, responseToServer
        /// More calls without a response than an association may have; the oldest was given up.
        case tooManyCalls
        /// More presentation contexts than are kept; the oldest was forgotten.
        case tooManyContexts

        var name: String {
            switch self {
            case .malformedData: "malformed_data"
            case .requestToClient: "request_to_client"
            case .responseToServer: "response_to_server"
            case .tooManyCalls: "too_many_calls"
            case .tooManyContexts: "too_many_contexts"
            }
        }
    }
}

/// Indices into the field table of DCE/RPC.
enum DCERPCField: Int, CaseIterable {
    case requestType, responseType, callID, rpcVersion
    case interface, interfaceVersion, endpoint, operation, namedPipe
    case opnum, requestFragmentCount, requestByteCount
    case responseFragmentCount, responseByteCount, faultStatus
    case offeredInterfaces, offeredVersions, results
    case requestStub, responseStub, stub
}

extension DCERPC {
    private typealias Row = (DCERPCField, FieldDefinition)

    private static let callRows: [Row] = [
        (
            .requestType,
            FieldDefinition(
                "dcerpc.request.type", .text, .toServer, available: .headers, eve: "request",
                "what the client sent: REQUEST, BIND, ALTER_CONTEXT")
        ),
        (
            .responseType,
            FieldDefinition(
                "dcerpc.response.type", .text, .toClient, available: .headers, eve: "response",
                "what the server answered: RESPONSE, FAULT, BINDACK, BINDNAK, ALTER_CONTEXT_RESP")
        ),
        (
            .callID,
            FieldDefinition(
                "dcerpc.call_id", .integer, available: .headers, eve: "call_id",
                "identifier that pairs request and response")
        ),
        (
            .rpcVersion,
            FieldDefinition(
                "dcerpc.rpc_version", .text, available: .headers, eve: "rpc_version",
                "version of the protocol: 5.0")
        ),
    ]

    private static let interfaceRows: [Row] = [
        (
            .interface,
            FieldDefinition(
                "dcerpc.iface", .text, .toServer, available: .headers, aliases: ["dce_iface"],
                eve: "iface", "UUID of the called interface, unless the server refused it"
            )
            .seenFromAnswer
        ),
        (
            .interfaceVersion,
            FieldDefinition(
                "dcerpc.iface.version", .integer, .toServer, available: .headers,
                "major version of the called interface"
            )
            .seenFromAnswer
        ),
        (
            .endpoint,
            FieldDefinition(
                "dcerpc.endpoint", .text, .toServer, available: .headers, aliases: ["endpoint"],
                eve: "endpoint", "called interface by name: svcctl, samr, ITaskSchedulerService")
        ),
        (
            .operation,
            FieldDefinition(
                "dcerpc.operation", .text, .toServer, available: .headers,
                aliases: ["operation"], eve: "operation",
                "called operation by name: CreateServiceW, SchRpcRegisterTask")
        ),
        (
            .namedPipe,
            FieldDefinition(
                "dcerpc.named_pipe", .text, list: true, .toServer, available: .headers,
                aliases: ["named_pipe"], eve: "named_pipe",
                "pipe of the call, as opened and as the server calls it: lsarpc, \\PIPE\\lsass")
        ),
        (
            .opnum,
            FieldDefinition(
                "dcerpc.opnum", .integer, .toServer, available: .headers, aliases: ["dce_opnum"],
                eve: "req.opnum", "called operation by number"
            )
            .seenFromAnswer
        ),
        (
            .requestFragmentCount,
            FieldDefinition(
                "dcerpc.request.fragments", .integer, .toServer, eve: "req.frag_cnt",
                "fragments that the request came in")
        ),
        (
            .requestByteCount,
            FieldDefinition(
                "dcerpc.request.size", .integer, .toServer, eve: "req.stub_data_size",
                "bytes of the request's stub data")
        ),
        (
            .responseFragmentCount,
            FieldDefinition(
                "dcerpc.response.fragments", .integer, .toClient, eve: "res.frag_cnt",
                "fragments that the response came in")
        ),
        (
            .responseByteCount,
            FieldDefinition(
                "dcerpc.response.size", .integer, .toClient, eve: "res.stub_data_size",
                "bytes of the response's stub data")
        ),
        (
            .faultStatus,
            FieldDefinition(
                "dcerpc.status", .text, .toClient, eve: "status",
                "why the server refused the call, in hexadecimal: 0x1c010002")
        ),
        (
            .offeredInterfaces,
            FieldDefinition(
                "dcerpc.bind.iface", .text, list: true, .toServer, available: .headers,
                eve: "interfaces[].uuid", "UUIDs of the interfaces that the client binds to")
        ),
        (
            .offeredVersions,
            FieldDefinition(
                "dcerpc.bind.version", .text, list: true, .toServer, available: .headers,
                eve: "interfaces[].version",
                "versions of the interfaces that the client binds to: 3.0")
        ),
        (
            .results,
            FieldDefinition(
                "dcerpc.bind.result", .integer, list: true, .toClient, available: .headers,
                eve: "interfaces[].ack_result",
                "what the server says to each interface: 0 accepted, 2 refused")
        ),
    ]

    private static let stubRows: [Row] = [
        (
            .requestStub,
            FieldDefinition(
                "dcerpc.request.stub_data", .bytes, .toServer,
                "arguments of the call as they are marshalled")
        ),
        (
            .responseStub,
            FieldDefinition(
                "dcerpc.response.stub_data", .bytes, .toClient,
                "results of the call as they are marshalled")
        ),
        (
            .stub,
            FieldDefinition(
                "dcerpc.stub_data", .bytes, list: true, aliases: ["dce_stub_data"],
                "arguments and results of the call as they are marshalled")
        ),
    ]
}
