using System.Linq.Expressions;
using Microsoft.EntityFrameworkCore;

namespace Vigil.Storage.Records;

/// <summary>
/// Makes of the filters by area (<c>RecordsDb.Areas.cs</c>) what a database can use its indexes for. Whoever sees all areas gets no filter
/// at all: "all areas, or this one" hides the index from SQLite's planner and has it look at each row of a count. For SQLite the beginning
/// of a code becomes a range of codes, since its LIKE uses no index. So there are two models, which <see cref="ModelByKeys"/> keeps apart.
/// </summary>
internal sealed class AreaFilters(bool bound, bool ranges) : ExpressionVisitor
{
    private static readonly Expression Zero = Expression.Constant(0);

    public static void Simplify(ModelBuilder model, bool bound, bool ranges)
    {
        var visitor = new AreaFilters(bound, ranges);
        foreach (var entity in model.Model.GetEntityTypes())
        {
            if (entity.FindDeclaredQueryFilter(null)?.Expression is not { } filter)
                continue;
            var body = visitor.Visit(filter.Body);
            entity.SetQueryFilter(IsConstant(body, true) ? null : Expression.Lambda(body, filter.Parameters));
        }
    }

    protected override Expression VisitBinary(BinaryExpression node)
    {
        if (node.NodeType == ExpressionType.Equal && IsWithin(node.Left) && node.Right is ConstantExpression { Value: "" })
            return Expression.Constant(!bound);
        if (node.NodeType is not (ExpressionType.OrElse or ExpressionType.AndAlso))
            return base.VisitBinary(node);
        var ends = node.NodeType == ExpressionType.OrElse; // the value with which the other side doesn't matter
        var left = Visit(node.Left);
        if (IsConstant(left, ends))
            return left;
        var right = Visit(node.Right);
        return IsConstant(left, !ends) ? right
            : IsConstant(right, !ends) ? left
            : IsConstant(right, ends) ? right
            : Expression.MakeBinary(node.NodeType, left, right);
    }

    protected override Expression VisitMethodCall(MethodCallExpression node)
    {
        if (!ranges || node is not { Method.Name: nameof(string.StartsWith), Object: { } code, Arguments: [MemberExpression begin] })
            return base.VisitMethodCall(node);
        if (!IsWithin(begin))
            return base.VisitMethodCall(node);
        var end = Expression.Property(begin.Expression!, nameof(RecordsDb.WithinEnd));
        return Expression.AndAlso(Expression.GreaterThanOrEqual(Compare(code, begin), Zero), Expression.LessThan(Compare(code, end), Zero));
    }

    private static MethodCallExpression Compare(Expression a, Expression b) =>
        Expression.Call(typeof(string), nameof(string.Compare), null, a, b);

    private static bool IsWithin(Expression node) =>
        node is MemberExpression { Member.Name: nameof(RecordsDb.Within), Expression: { } of } && of.Type.IsAssignableTo(typeof(RecordsDb));

    private static bool IsConstant(Expression node, bool value) => node is ConstantExpression { Value: bool known } && known == value;
}
