using Vigil.Bench;

return args switch
{
    ["storage", .. var rest] => await StorageLoad.RunAsync(Arguments.Of(rest)),
    ["lines", ..] => LineProtocolLoad.Run(),
    ["broker", .. var rest] => await BrokerLoad.RunAsync(Arguments.Of(rest)),
    ["drop", .. var rest] => await BrokerLoad.DropAsync(Arguments.Of(rest)),
    ["seed", .. var rest] => await BrokerLoad.SeedAsync(Arguments.Of(rest).Text("--folder")!, 2000, 4000),
    ["load", .. var rest] => await BrokerLoad.LoadAsync(Arguments.Of(rest)),
    ["silences", var file, .. var rest] => Silences.Run(file, Arguments.Of(rest)),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("""
        vigil-bench storage [--rows 20000000] [--folder PATH] [--checkpoint 64MB] [--influx http://127.0.0.1:8086] [--stored N]   readings/s made durable, bytes a reading, a resident's month
        vigil-bench broker  [--connections 2000] [--records 10,1] [--seconds 15] [--rounds 3]   messages/s durable and through the rules, beside a broker that drops them; SOS latency at that load
        vigil-bench lines   line protocol beside string building
        vigil-bench silences HOUSEHOLDS.csv.gz [--part tuning|held-out] [--homes lived-in|all] [--fit yes]   methods to notice a silence, false alarms against delay
        """);
    return 2;
}
