namespace Vigil.Host;

/// <summary>
/// Things by their id, found without a lock while others are added. A county has millions of devices: a place takes 12 to 24 bytes beside
/// the thing itself, where a concurrent dictionary takes 60. Open addressing; the id is asked of the thing.
/// </summary>
internal sealed class IdTable<T>(Func<T, string> idOf)
    where T : class
{
    /// <summary>Was somebody's place: who looks for another goes on behind it.</summary>
    private static readonly object Gone = new();

    private readonly Lock writing = new();

    /// <summary>A power of two of places, replaced as a whole when it becomes too full.</summary>
    private volatile object?[] places = new object?[16];

    /// <summary>Places that aren't empty.</summary>
    private int taken;
    private int count;

    public int Count => Volatile.Read(ref count);

    /// <summary>What is there at some moment of the enumeration.</summary>
    public IEnumerable<T> All
    {
        get
        {
            var all = places;
            for (var i = 0; i < all.Length; i++)
                if (Volatile.Read(ref all[i]) is T thing)
                    yield return thing;
        }
    }

    public T? Find(string id)
    {
        var all = places;
        for (var i = First(id, all); ; i = (i + 1) & (all.Length - 1))
        {
            var at = Volatile.Read(ref all[i]);
            if (at is null)
                return null;
            if (at is T thing && idOf(thing) == id)
                return thing;
        }
    }

    /// <summary>Adds it, or puts it in the place of the one with its id.</summary>
    public void Put(T thing)
    {
        lock (writing)
        {
            if ((taken + 1) * 3 > places.Length * 2)
                Rebuild();
            var all = places;
            var id = idOf(thing);
            for (var i = First(id, all); ; i = (i + 1) & (all.Length - 1))
            {
                if (all[i] is null)
                {
                    Volatile.Write(ref all[i], thing);
                    (taken, count) = (taken + 1, count + 1);
                    return;
                }

                if (all[i] is not T there || idOf(there) != id)
                    continue;
                Volatile.Write(ref all[i], thing);
                return;
            }
        }
    }

    /// <returns>What was there.</returns>
    public T? Remove(string id)
    {
        lock (writing)
        {
            var all = places;
            for (var i = First(id, all); ; i = (i + 1) & (all.Length - 1))
            {
                if (all[i] is null)
                    return null;
                if (all[i] is not T there || idOf(there) != id)
                    continue;
                Volatile.Write(ref all[i], Gone);
                count--;
                return there;
            }
        }
    }

    private static int First(string id, object?[] all) => id.GetHashCode(StringComparison.Ordinal) & (all.Length - 1);

    private void Rebuild()
    {
        var length = 16;
        while (length < (count + 1) * 2)
            length *= 2;
        var next = new object?[length];
        foreach (var at in places)
        {
            if (at is not T thing)
                continue;
            var i = First(idOf(thing), next);
            while (next[i] is not null)
                i = (i + 1) & (length - 1);
            next[i] = thing;
        }

        taken = count;
        places = next;
    }
}
