// Interfaces of the Component Object Model over the network, with the operations of their
// specifications. The first three operations of an object are those of IUnknown.

extension DCERPCInterface {
    static let componentObjects: [DCERPCInterface] = activation + management + certification

    /// Activation and references ([MS-DCOM], [MS-OAUT]).
    private static let activation: [DCERPCInterface] = [
        DCERPCInterface(
            "99fcfec4-5260-101b-bbcb-00aa0021347a", "IObjectExporter",
            "ResolveOxid SimplePing ComplexPing ServerAlive ResolveOxid2 ServerAlive2"),
        DCERPCInterface(
            "4d9f4ab8-7d1c-11cf-861e-0020af6e7c57", "IActivation", "RemoteActivation"),
        DCERPCInterface(
            "000001a0-0000-0000-c000-000000000046", "IRemoteSCMActivator",
            "@3 RemoteGetClassObject RemoteCreateInstance"),
        DCERPCInterface(
            "00000000-0000-0000-c000-000000000046", "IUnknown", "QueryInterface AddRef Release"),
        object(
            "00000131-0000-0000-c000-000000000046", "IRemUnknown",
            "RemQueryInterface RemAddRef RemRelease"),
        object(
            "00000143-0000-0000-c000-000000000046", "IRemUnknown2",
            "RemQueryInterface RemAddRef RemRelease RemQueryInterface2"),
        object(
            "00020400-0000-0000-c000-000000000046", "IDispatch",
            "GetTypeInfoCount GetTypeInfo GetIDsOfNames Invoke"),
        // [MS-IOI]
        object(
            "8165b19e-8d3a-4d0b-80c8-97de310db583", "IManagedObject",
            "GetSerializedBuffer GetObjectIdentity"),
    ]

    /// Windows Management Instrumentation ([MS-WMI]).
    private static let management: [DCERPCInterface] = [
        object(
            "9556dc99-828c-11cf-a37e-00aa003240c7", "IWbemServices",
            """
            OpenNamespace CancelAsyncCall QueryObjectSink GetObject GetObjectAsync PutClass
            PutClassAsync DeleteClass DeleteClassAsync CreateClassEnum CreateClassEnumAsync
            PutInstance PutInstanceAsync DeleteInstance DeleteInstanceAsync CreateInstanceEnum
            CreateInstanceEnumAsync ExecQuery ExecQueryAsync ExecNotificationQuery
            ExecNotificationQueryAsync ExecMethod ExecMethodAsync
            """),
        object(
            "f309ad18-d86a-11d0-a075-00c04fb68820", "IWbemLevel1Login",
            "EstablishPosition RequestChallenge WBEMLogin NTLMLogin"),
        object("d4781cd6-e5d3-44df-ad94-930efe48a887", "IWbemLoginClientID", "SetClientInfo"),
        object("541679ab-2e5f-11d3-b34e-00104bcc4b4a", "IWbemLoginHelper", "SetEvent"),
        object(
            "027947e1-d731-11ce-a357-000000000001", "IEnumWbemClassObject",
            "Reset Next NextAsync Clone Skip"),
        object("7c857801-7381-11cf-884d-00aa004b2e24", "IWbemObjectSink", "Indicate SetStatus"),
        object(
            "44aca675-e8fc-11d0-a07c-00c04fb68820", "IWbemCallResult",
            "GetResultObject GetResultString GetResultServices GetCallStatus"),
        object("1c1c45ee-4395-11d2-b60b-00104b703efd", "IWbemFetchSmartEnum", "GetSmartEnum"),
        object("423ec01e-2e35-11d2-b604-00104b703efd", "IWbemWCOSmartEnum", "Next"),
        object(
            "f1e9c5b2-f59b-11d2-b362-00105a1f8177", "IWbemRemoteRefresher",
            "RemoteRefresh StopRefreshing"),
        object(
            "2c9273e0-1dc3-11d3-b364-00105a1f8177", "IWbemRefreshingServices",
            """
            AddObjectToRefresher AddObjectToRefresherByTemplate AddEnumToRefresher
            RemoveObjectFromRefresher GetRemoteRefresher ReconnectRemoteRefresher
            """),
        object("c49e32c7-bc8b-11d2-85d4-00105a1f8304", "IWbemBackupRestore", "Backup Restore"),
        object(
            "a359dec5-e813-4834-8a2a-ba7f1d777d76", "IWbemBackupRestoreEx",
            "Backup Restore Pause Resume"),
    ]

    /// Certificate enrolment and its administration ([MS-WCCE], [MS-CSRA]).
    private static let certification: [DCERPCInterface] = [
        object(
            "d99e6e70-fc88-11d0-b498-00a0c90312f3", "ICertRequestD", "Request GetCACert Ping"),
        object(
            "5422fd3a-d4b8-4cef-a12e-e87d4ca22e90", "ICertRequestD2",
            "Request GetCACert Ping Request2 GetCAProperty GetCAPropertyInfo Ping2"),
        object("d99e6e71-fc88-11d0-b498-00a0c90312f3", "ICertAdminD", certificateAdministration),
        object(
            "7fe0d935-dda6-443f-85d0-1cfb58fe41dd", "ICertAdminD2",
            certificateAdministration + """
                 PublishCRLs GetCAProperty SetCAProperty GetCAPropertyInfo EnumViewColumnTable
                GetCASecurity SetCASecurity Ping2 GetArchivedKey GetAuditFilter SetAuditFilter
                GetOfficerRights SetOfficerRights GetConfigEntry SetConfigEntry ImportKey
                GetMyRoles DeleteRow
                """),
    ]

    private static let certificateAdministration = """
        SetExtension SetAttributes ResubmitRequest DenyRequest IsValidCertificate PublishCRL
        GetCRL RevokeCertificate EnumViewColumn GetViewDefaultColumnSet
        EnumAttributesOrExtensions OpenView EnumView CloseView ServerControl Ping
        GetServerState BackupPrepare BackupEnd BackupGetAttachmentInformation
        BackupGetBackupLogs BackupOpenFile BackupReadFile BackupCloseFile BackupTruncateLogs
        ImportCertificate BackupGetDynamicFiles RestoreGetDatabaseLocations
        """

    private static func object(
        _ uuid: String, _ endpoint: String, _ operations: String
    ) -> DCERPCInterface {
        DCERPCInterface(uuid, endpoint, "QueryInterface AddRef Release " + operations)
    }
}
