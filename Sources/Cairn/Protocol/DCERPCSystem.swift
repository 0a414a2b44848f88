// Interfaces that manage a machine, with the operations of their specifications.

extension DCERPCInterface {
    static let systemServices: [DCERPCInterface] = [
        svcctl, winreg, srvsvc, wkssvc, eventlog, eventService,
        // [MS-TSCH]
        DCERPCInterface(
            "1ff70682-0a51-30e8-076d-740be8cee98b", "atsvc",
            "NetrJobAdd NetrJobDel NetrJobEnum NetrJobGetInfo"),
        DCERPCInterface(
            "378e52b0-c0a9-11cf-822d-00aa0051e40f", "sasec",
            """
            SASetAccountInformation SASetNSAccountInformation SAGetNSAccountInformation
            SAGetAccountInformation
            """),
        taskScheduler,
        // The service behind "run as"; its interface is not published.
        DCERPCInterface(
            "12b81e99-f207-4a4c-85d3-77b42f76fd14", "ISecLogon",
            "SeclCreateProcessWithLogonW SeclCreateProcessWithLogonExW"),
        // [C706] appendices O and Q
        DCERPCInterface(
            "e1af8308-5d1f-11c9-91a4-08002b14a0fa", "epmapper",
            """
            ept_insert ept_delete ept_lookup ept_map ept_lookup_handle_free ept_inq_object
            ept_mgmt_delete ept_map_auth ept_map_auth_async
            """),
        DCERPCInterface(
            "afa8bd80-7d8a-11c9-bef4-08002b102989", "mgmt",
            """
            inq_if_ids inq_stats is_server_listening stop_server_listening inq_princ_name
            """),
        // [MS-RSP]
        DCERPCInterface(
            "894de0c0-0d55-11d3-a322-00c04fa321a1", "InitShutdown",
            "BaseInitiateShutdown BaseAbortShutdown BaseInitiateShutdownEx"),
        DCERPCInterface(
            "d95afe70-a6d5-4259-822e-2c84da1ddb0d", "WindowsShutdown",
            "WsdrInitiateShutdown WsdrAbortShutdown"),
        // [MS-W32T]
        DCERPCInterface(
            "8fb6d884-2388-11d0-8c35-00c04fda2795", "W32Time",
            """
            W32TimeSync W32TimeGetNetlogonServiceBits W32TimeQueryProviderStatus
            W32TimeQuerySource W32TimeQueryProviderConfiguration W32TimeQueryConfiguration
            W32TimeQueryStatus W32TimeLog
            """),
        // [MS-MSRP]
        DCERPCInterface(
            "17fdd703-1827-4e34-79d4-24a55c53bb37", "msgsvc",
            "NetrMessageNameAdd NetrMessageNameEnum NetrMessageNameGetInfo NetrMessageNameDel"),
        DCERPCInterface(
            "5a7b91f8-ff00-11d0-a9b2-00c04fb6e6fc", "msgsvcsend", "NetrSendMessage"),
        // [MS-BRWSA]
        DCERPCInterface(
            "6bffd098-a112-3610-9833-012892020162", "browser",
            "I_BrowserrServerEnum - I_BrowserrQueryOtherDomains"),
        // [MS-DLTW], [MS-DLTM]
        DCERPCInterface(
            "300f3532-38cc-11d0-a3f0-0020af6b0add", "trkwks", "@12 LnkSearchMachine"),
        DCERPCInterface("4da1c422-943d-11d1-acae-00c04fc2aa3f", "trksvr", "LnkSvrMessage"),
        // [MS-FSRVP]
        DCERPCInterface(
            "a8e0653c-2744-4389-a61d-7373df8b2292", "FssagentRpc",
            """
            GetSupportedVersion SetContext StartShadowCopySet AddToShadowCopySet
            CommitShadowCopySet ExposeShadowCopySet RecoveryCompleteShadowCopySet
            AbortShadowCopySet IsPathSupported IsPathShadowCopied GetShareMapping
            DeleteShareMapping PrepareShadowCopySet
            """),
        // [MS-SWN]
        DCERPCInterface(
            "ccd8c074-d0e5-4a40-92b4-d074faa6ba28", "witness",
            """
            WitnessrGetInterfaceList WitnessrRegister WitnessrUnRegister WitnessrAsyncNotify
            WitnessrRegisterEx
            """),
        // [MS-TSTS]
        DCERPCInterface(
            "484809d6-4239-471b-b5bc-61df8c23ac48", "TermSrvSession",
            """
            RpcOpenSession RpcCloseSession RpcConnect RpcDisconnect RpcLogoff RpcGetUserName
            RpcGetTerminalName RpcGetState RpcIsSessionDesktopLocked RpcShowMessageBox
            RpcGetTimes RpcGetSessionCounters RpcGetSessionInformation
            """),
        DCERPCInterface(
            "88143fd0-c28d-4b2b-8fef-8d882f6a9390", "TermSrvEnumeration",
            """
            RpcOpenEnum RpcCloseEnum RpcFilterByState RpcFilterByCallersName RpcEnumAddFilter
            RpcGetEnumResult RpcFilterBySessionType - RpcGetSessionIds RpcGetEnumResultEx
            RpcGetAllSessions RpcGetAllSessionsEx
            """),
        // [MS-TRP]
        DCERPCInterface(
            "2f5f6520-ca46-1067-b319-00dd010662da", "tapsrv",
            "ClientAttach ClientRequest ClientDetach"),
        // [MS-CMPO]
        DCERPCInterface(
            "906b0ce0-c70b-1067-b317-00dd010662da", "IXnRemote",
            """
            Poke BuildContext NegotiateResources SendReceive TearDownContext BeginTearDown
            PokeW BuildContextW
            """),
        // [MS-FASP]
        DCERPCInterface(
            "6b5bdd1e-528c-422c-af8c-a4079be4fe48", "RemoteFW",
            """
            RRPC_FWOpenPolicyStore RRPC_FWClosePolicyStore RRPC_FWRestoreDefaults
            RRPC_FWGetGlobalConfig RRPC_FWSetGlobalConfig RRPC_FWAddFirewallRule
            RRPC_FWSetFirewallRule RRPC_FWDeleteFirewallRule RRPC_FWDeleteAllFirewallRules
            RRPC_FWEnumFirewallRules RRPC_FWGetConfig RRPC_FWSetConfig
            """),
    ]

    /// Service Control Manager ([MS-SCMR]), without the "R" that the specification puts in front
    /// of its names.
    private static let svcctl = DCERPCInterface(
        "367abb81-9844-35f1-ad32-98f038001003", "svcctl",
        """
        CloseServiceHandle ControlService DeleteService LockServiceDatabase
        QueryServiceObjectSecurity SetServiceObjectSecurity QueryServiceStatus
        SetServiceStatus UnlockServiceDatabase NotifyBootConfigStatus - ChangeServiceConfigW
        CreateServiceW EnumDependentServicesW EnumServicesStatusW OpenSCManagerW OpenServiceW
        QueryServiceConfigW QueryServiceLockStatusW StartServiceW GetServiceDisplayNameW
        GetServiceKeyNameW - ChangeServiceConfigA CreateServiceA EnumDependentServicesA
        EnumServicesStatusA OpenSCManagerA OpenServiceA QueryServiceConfigA
        QueryServiceLockStatusA StartServiceA GetServiceDisplayNameA GetServiceKeyNameA -
        EnumServiceGroupW ChangeServiceConfig2A ChangeServiceConfig2W QueryServiceConfig2A
        QueryServiceConfig2W QueryServiceStatusEx EnumServicesStatusExA
        EnumServicesStatusExW - CreateServiceWOW64A CreateServiceWOW64W -
        NotifyServiceStatusChange GetNotifyResults CloseNotifyHandle ControlServiceExA
        ControlServiceExW @56 QueryServiceConfigEx @60 CreateWowService @64 OpenSCManager2
        """)

    /// Remote Registry ([MS-RRP], [MS-RSP]).
    private static let winreg = DCERPCInterface(
        "338cd001-2244-31f1-aaaa-900038001003", "winreg",
        """
        OpenClassesRoot OpenCurrentUser OpenLocalMachine OpenPerformanceData OpenUsers
        BaseRegCloseKey BaseRegCreateKey BaseRegDeleteKey BaseRegDeleteValue BaseRegEnumKey
        BaseRegEnumValue BaseRegFlushKey BaseRegGetKeySecurity BaseRegLoadKey - BaseRegOpenKey
        BaseRegQueryInfoKey BaseRegQueryValue BaseRegReplaceKey BaseRegRestoreKey
        BaseRegSaveKey BaseRegSetKeySecurity BaseRegSetValue BaseRegUnLoadKey
        BaseInitiateShutdown BaseAbortShutdown BaseRegGetVersion OpenCurrentConfig -
        BaseRegQueryMultipleValues BaseInitiateShutdownEx BaseRegSaveKeyEx
        OpenPerformanceText OpenPerformanceNlsText BaseRegQueryMultipleValues2
        BaseRegDeleteKeyEx
        """)

    /// Server Service ([MS-SRVS]).
    private static let srvsvc = DCERPCInterface(
        "4b324fc8-1670-01d3-1278-5a47bf6ee188", "srvsvc",
        """
        @8 NetrConnectionEnum NetrFileEnum NetrFileGetInfo NetrFileClose NetrSessionEnum
        NetrSessionDel NetrShareAdd NetrShareEnum NetrShareGetInfo NetrShareSetInfo
        NetrShareDel NetrShareDelSticky NetrShareCheck NetrServerGetInfo NetrServerSetInfo
        NetrServerDiskEnum NetrServerStatisticsGet NetrServerTransportAdd
        NetrServerTransportEnum NetrServerTransportDel NetrRemoteTOD - NetprPathType
        NetprPathCanonicalize NetprPathCompare NetprNameValidate NetprNameCanonicalize
        NetprNameCompare NetrShareEnumSticky NetrShareDelStart NetrShareDelCommit
        NetrpGetFileSecurity NetrpSetFileSecurity NetrServerTransportAddEx - NetrDfsGetVersion
        NetrDfsCreateLocalPartition NetrDfsDeleteLocalPartition NetrDfsSetLocalVolumeState -
        NetrDfsCreateExitPoint NetrDfsDeleteExitPoint NetrDfsModifyPrefix
        NetrDfsFixLocalVolume NetrDfsManagerReportSiteInfo NetrServerTransportDelEx
        NetrServerAliasAdd NetrServerAliasEnum NetrServerAliasDel NetrShareDelEx
        """)

    /// Workstation Service ([MS-WKST]).
    private static let wkssvc = DCERPCInterface(
        "6bffd098-a112-3610-9833-46c3f87e345a", "wkssvc",
        """
        NetrWkstaGetInfo NetrWkstaSetInfo NetrWkstaUserEnum - - NetrWkstaTransportEnum
        NetrWkstaTransportAdd NetrWkstaTransportDel NetrUseAdd NetrUseGetInfo NetrUseDel
        NetrUseEnum - NetrWorkstationStatisticsGet @20 NetrGetJoinInformation -
        NetrJoinDomain2 NetrUnjoinDomain2 NetrRenameMachineInDomain2 NetrValidateName2
        NetrGetJoinableOUs2 NetrAddAlternateComputerName NetrRemoveAlternateComputerName
        NetrSetPrimaryComputerName NetrEnumerateComputerNames
        """)

    /// Event log ([MS-EVEN]).
    private static let eventlog = DCERPCInterface(
        "82273fdc-e32a-18c3-3f78-827929dc23ea", "eventlog",
        """
        ElfrClearELFW ElfrBackupELFW ElfrCloseEL ElfrDeregisterEventSource
        ElfrNumberOfRecords ElfrOldestRecord ElfrChangeNotify ElfrOpenELW
        ElfrRegisterEventSourceW ElfrOpenBELW ElfrReadELW ElfrReportEventW ElfrClearELFA
        ElfrBackupELFA ElfrOpenELA ElfrRegisterEventSourceA ElfrOpenBELA ElfrReadELA
        ElfrReportEventA @22 ElfrGetLogInformation - ElfrReportEventAndSourceW
        ElfrReportEventExW ElfrReportEventExA
        """)

    /// Event log of later systems ([MS-EVEN6]).
    private static let eventService = DCERPCInterface(
        "f6beaff7-1e19-4fbb-9f8f-b89e2018337c", "IEventService",
        """
        EvtRpcRegisterRemoteSubscription EvtRpcRemoteSubscriptionNextAsync
        EvtRpcRemoteSubscriptionNext EvtRpcRemoteSubscriptionWaitAsync
        EvtRpcRegisterControllableOperation EvtRpcRegisterLogQuery EvtRpcClearLog
        EvtRpcExportLog EvtRpcLocalizeExportLog EvtRpcMessageRender EvtRpcMessageRenderDefault
        EvtRpcQueryNext EvtRpcQuerySeek EvtRpcClose EvtRpcCancel EvtRpcAssertConfig
        EvtRpcRetractConfig EvtRpcOpenLogHandle EvtRpcGetLogFileInfo EvtRpcGetChannelList
        EvtRpcGetChannelConfig EvtRpcPutChannelConfig EvtRpcGetPublisherList
        EvtRpcGetPublisherListForChannel EvtRpcGetPublisherMetadata
        EvtRpcGetPublisherResourceMetadata EvtRpcGetEventMetadataEnum
        EvtRpcGetNextEventMetadata EvtRpcGetClassicLogDisplayName
        """)

    /// Task Scheduler ([MS-TSCH]).
    private static let taskScheduler = DCERPCInterface(
        "86d35949-83c9-4044-b424-db363231fd0c", "ITaskSchedulerService",
        """
        SchRpcHighestVersion SchRpcRegisterTask SchRpcRetrieveTask SchRpcCreateFolder
        SchRpcSetSecurity SchRpcGetSecurity SchRpcEnumFolders SchRpcEnumTasks
        SchRpcEnumInstances SchRpcGetInstanceInfo SchRpcStopInstance SchRpcStop SchRpcRun
        SchRpcDelete SchRpcRename SchRpcScheduledRuntimes SchRpcGetLastRunInfo
        SchRpcGetTaskInfo SchRpcGetNumberOfMissedRuns SchRpcEnableTask
        """)
}
