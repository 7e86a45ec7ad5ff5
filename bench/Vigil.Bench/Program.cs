using Vigil.Bench;

return args switch
{
    ["storage", .. var rest] => await StorageLoad.RunAsync(Arguments.Of(rest)),
    ["lines", ..] => LineProtocolLoad.Run(),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("""
        vigil-bench storage [--rows 20000000] [--folder PATH] [--checkpoint 64MB] [--influx http://127.0.0.1:8086] [--stored N]   readings/s made durable, bytes a reading, a resident's month
        vigil-bench lines   line protocol beside string building
        """);
    return 2;
}
