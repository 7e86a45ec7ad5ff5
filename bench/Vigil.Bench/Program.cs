using Vigil.Bench;

return args switch
{
    ["storage", .. var rest] => await StorageLoad.RunAsync(Arguments.Of(rest)),
    ["lines", ..] => LineProtocolLoad.Run(),
    ["silences", var file, .. var rest] => Silences.Run(file, Arguments.Of(rest)),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("""
        vigil-bench storage [--rows 20000000] [--folder PATH] [--checkpoint 64MB] [--influx http://127.0.0.1:8086] [--stored N]   readings/s made durable, bytes a reading, a resident's month
        vigil-bench lines   line protocol beside string building
        vigil-bench silences HOUSEHOLDS.csv.gz [--part tuning|held-out] [--homes lived-in|all] [--fit yes]   methods to notice a silence, false alarms against delay
        """);
    return 2;
}
