// Interfaces of the print system, with the operations of their specifications.

extension DCERPCInterface {
    static let printing: [DCERPCInterface] = [
        spoolss, remoteWinspool,
        // [MS-PAN]
        DCERPCInterface(
            "0b6edbfa-4a24-4fc6-8a23-942b1eca65d1", "IRPCAsyncNotify",
            """
            IRPCAsyncNotify_RegisterClient IRPCAsyncNotify_UnregisterClient -
            IRPCAsyncNotify_GetNewChannel IRPCAsyncNotify_GetNotificationSendResponse
            IRPCAsyncNotify_GetNotification IRPCAsyncNotify_CloseChannel
            """),
        DCERPCInterface(
            "ae33069b-a2a8-46ee-a235-ddfd339be281", "IRPCRemoteObject",
            "IRPCRemoteObject_Create IRPCRemoteObject_Delete"),
    ]

    /// Print System Remote Protocol ([MS-RPRN]).
    private static let spoolss = DCERPCInterface(
        "12345678-1234-abcd-ef00-0123456789ab", "spoolss",
        """
        RpcEnumPrinters RpcOpenPrinter RpcSetJob RpcGetJob RpcEnumJobs RpcAddPrinter
        RpcDeletePrinter RpcSetPrinter RpcGetPrinter RpcAddPrinterDriver RpcEnumPrinterDrivers
        RpcGetPrinterDriver RpcGetPrinterDriverDirectory RpcDeletePrinterDriver
        RpcAddPrintProcessor RpcEnumPrintProcessors RpcGetPrintProcessorDirectory
        RpcStartDocPrinter RpcStartPagePrinter RpcWritePrinter RpcEndPagePrinter
        RpcAbortPrinter RpcReadPrinter RpcEndDocPrinter RpcAddJob RpcScheduleJob
        RpcGetPrinterData RpcSetPrinterData RpcWaitForPrinterChange RpcClosePrinter RpcAddForm
        RpcDeleteForm RpcGetForm RpcSetForm RpcEnumForms RpcEnumPorts RpcEnumMonitors - -
        RpcDeletePort RpcCreatePrinterIC RpcPlayGdiScriptOnPrinterIC RpcDeletePrinterIC
        - - - RpcAddMonitor RpcDeleteMonitor RpcDeletePrintProcessor - -
        RpcEnumPrintProcessorDatatypes RpcResetPrinter RpcGetPrinterDriver2 - -
        RpcFindClosePrinterChangeNotification - RpcReplyOpenPrinter RpcRouterReplyPrinter
        RpcReplyClosePrinter RpcAddPortEx RpcRemoteFindFirstPrinterChangeNotification - -
        RpcRemoteFindFirstPrinterChangeNotificationEx RpcRouterReplyPrinterEx
        RpcRouterRefreshPrinterChangeNotification - RpcOpenPrinterEx RpcAddPrinterEx
        RpcSetPort RpcEnumPrinterData RpcDeletePrinterData - - - RpcSetPrinterDataEx
        RpcGetPrinterDataEx RpcEnumPrinterDataEx RpcEnumPrinterKey RpcDeletePrinterDataEx
        RpcDeletePrinterKey - RpcDeletePrinterDriverEx RpcAddPerMachineConnection
        RpcDeletePerMachineConnection RpcEnumPerMachineConnections RpcXcvData
        RpcAddPrinterDriverEx @96 RpcFlushPrinter RpcSendRecvBidiData
        @102 RpcGetCorePrinterDrivers - RpcGetPrinterDriverPackagePath
        @110 RpcGetJobNamedPropertyValue RpcSetJobNamedProperty RpcDeleteJobNamedProperty
        RpcEnumJobNamedProperties @116 RpcLogJobInfoForBranchOffice
        RpcRegeneratePrintDeviceCapabilities
        """)

    /// Print System Asynchronous Remote Protocol ([MS-PAR]).
    private static let remoteWinspool = DCERPCInterface(
        "76f03f96-cdfd-44fc-a22c-64950a001209", "IRemoteWinspool",
        """
        RpcAsyncOpenPrinter RpcAsyncAddPrinter RpcAsyncSetJob RpcAsyncGetJob RpcAsyncEnumJobs
        RpcAsyncAddJob RpcAsyncScheduleJob RpcAsyncDeletePrinter RpcAsyncSetPrinter
        RpcAsyncGetPrinter RpcAsyncStartDocPrinter RpcAsyncStartPagePrinter
        RpcAsyncWritePrinter RpcAsyncEndPagePrinter RpcAsyncEndDocPrinter RpcAsyncAbortPrinter
        RpcAsyncGetPrinterData RpcAsyncGetPrinterDataEx RpcAsyncSetPrinterData
        RpcAsyncSetPrinterDataEx RpcAsyncClosePrinter RpcAsyncAddForm RpcAsyncDeleteForm
        RpcAsyncGetForm RpcAsyncSetForm RpcAsyncEnumForms RpcAsyncGetPrinterDriver
        RpcAsyncEnumPrinterData RpcAsyncEnumPrinterDataEx RpcAsyncEnumPrinterKey
        RpcAsyncDeletePrinterData RpcAsyncDeletePrinterDataEx RpcAsyncDeletePrinterKey
        RpcAsyncXcvData RpcAsyncSendRecvBidiData RpcAsyncCreatePrinterIC
        RpcAsyncPlayGdiScriptOnPrinterIC RpcAsyncDeletePrinterIC RpcAsyncEnumPrinters
        RpcAsyncAddPrinterDriver RpcAsyncEnumPrinterDrivers RpcAsyncGetPrinterDriverDirectory
        RpcAsyncDeletePrinterDriver RpcAsyncDeletePrinterDriverEx RpcAsyncAddPrintProcessor
        RpcAsyncEnumPrintProcessors RpcAsyncGetPrintProcessorDirectory RpcAsyncEnumPorts
        RpcAsyncEnumMonitors RpcAsyncAddPort RpcAsyncSetPort RpcAsyncAddMonitor
        RpcAsyncDeleteMonitor RpcAsyncDeletePrintProcessor RpcAsyncEnumPrintProcessorDatatypes
        RpcAsyncAddPerMachineConnection RpcAsyncDeletePerMachineConnection
        RpcAsyncEnumPerMachineConnections RpcSyncRegisterForRemoteNotifications
        RpcSyncUnRegisterForRemoteNotifications RpcSyncRefreshRemoteNotifications
        RpcAsyncGetRemoteNotifications RpcAsyncInstallPrinterDriverFromPackage
        RpcAsyncUploadPrinterDriverPackage RpcAsyncGetCorePrinterDrivers
        RpcAsyncCorePrinterDriverInstalled RpcAsyncGetPrinterDriverPackagePath
        RpcAsyncDeletePrinterDriverPackage RpcAsyncReadPrinter RpcAsyncResetPrinter
        RpcAsyncGetJobNamedPropertyValue RpcAsyncSetJobNamedProperty
        RpcAsyncDeleteJobNamedProperty RpcAsyncEnumJobNamedProperties
        RpcAsyncLogJobInfoForBranchOffice
        """)
}
