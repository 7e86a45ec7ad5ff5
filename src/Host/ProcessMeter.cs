using System.Diagnostics.Metrics;

namespace Vigil.Host;

/// <summary>Metrics of the process (memory, threads), which show a leak while it is small.</summary>
internal static class ProcessMeter
{
    public static void Observe(Meter meter)
    {
        meter.CreateObservableGauge(
            "vigil_process_heap_bytes",
            () => GC.GetGCMemoryInfo(GCKind.Any).HeapSizeBytes,
            "By",
            "Managed heap after the last collection"
        );
        meter.CreateObservableGauge(
            "vigil_process_resident_bytes",
            () => Environment.WorkingSet,
            "By",
            "Memory of the process that is in use"
        );
        meter.CreateObservableGauge("vigil_process_threads", () => ThreadPool.ThreadCount, description: "Threads of the pool");
        meter.CreateObservableGauge(
            "vigil_process_collections",
            () => GC.CollectionCount(2),
            description: "Collections of the whole heap since the start"
        );
    }
}
